/**
 * A client that changes what is not records: topics' settings and partition counts, the broker's and groups' settings,
 * quotas, users, deleted groups. Every number only rises, so that what is found in the end says which change it is.
 */
import { createPartitions } from '../src/log/client/admin.ts'
import { alterConfigs, describeConfigs, type ConfigResource } from '../src/log/client/config-admin.ts'
import type { LogClient } from '../src/log/client/log-client.ts'
import { alterQuotas, describeQuotas } from '../src/log/client/quota-admin.ts'
import { listUsers, setPassword } from '../src/log/client/user-admin.ts'
import { sleep } from '../src/world/world.ts'
import { persist, type ClientProgram } from './clients.ts'
import { BrokenPromise } from './history.ts'

export const SETTLED_TOPIC = 'settled'
const FIRST_VALUE = 10_000
const LEAST_SESSION_TIMEOUT_MS = 45_000
const TOPIC = { type: 'topic', name: SETTLED_TOPIC } as const
const GROUP = { type: 'group', name: 'settled' } as const
const QUOTA = { user: 'settled' } as const

interface Setting {
  /** What values count from, and the most that is worth trying. */
  readonly first: number
  readonly most: number
  readonly change: (client: LogClient, value: number) => Promise<void>
  readonly find: (client: LogClient) => Promise<number>
}

const config = (resource: ConfigResource, name: string, first: number): Setting => ({
  first,
  most: Infinity,
  change: (client, value) => alterConfigs(client, resource, { set: { [name]: String(value) } }),
  find: async (client) => {
    const [configs] = await describeConfigs(client, [resource])
    return Number(configs?.find((each) => each.name === name)?.value)
  },
})

const SETTINGS = {
  'topic setting': config(TOPIC, 'retention.ms', FIRST_VALUE),
  'group setting': config(GROUP, 'consumer.session.timeout.ms', LEAST_SESSION_TIMEOUT_MS),
  partitions: {
    first: 2,
    most: 6,
    change: (client, value) => createPartitions(client, SETTLED_TOPIC, value),
    find: async (client) => (await client.metadata()).topics.get(SETTLED_TOPIC)?.partitions.length ?? 0,
  },
  quota: {
    first: FIRST_VALUE,
    most: Infinity,
    change: (client, value) => alterQuotas(client, QUOTA, { set: { producer_byte_rate: value } }),
    find: async (client) => (await describeQuotas(client, QUOTA))[0]?.values['producer_byte_rate'] ?? 0,
  },
  user: {
    first: 4_096,
    most: 4_110,
    change: (client, value) =>
      setPassword(client, {
        user: 'settled',
        password: 'secret',
        mechanisms: ['SCRAM-SHA-256'],
        iterations: value,
      }),
    find: async (client) => (await listUsers(client, 'settled'))[0]?.iterations ?? 0,
  },
} satisfies Readonly<Record<string, Setting>>

type SettingName = keyof typeof SETTINGS

/**
 * By setting: the value that was acknowledged, the one that was asked for last, and those whose answer never came: they
 * may still be on their way, and take effect at any time.
 */
export type SettingsHistory = Map<
  SettingName,
  { acknowledged: number; asked: number; readonly unknown: Set<number> }
>

export function settingsClient(settings: SettingsHistory): ClientProgram {
  return (setting) =>
    persist(setting, async (client) => {
      const { random, world, stopping } = setting
      while (!stopping()) {
        await sleep(world.clock, random.below(150))
        const name = random.pick(Object.keys(SETTINGS) as SettingName[])
        const { first, most, change }: Setting = SETTINGS[name]
        const known = settings.get(name) ?? { acknowledged: 0, asked: first, unknown: new Set<number>() }
        if (known.asked >= most) continue
        settings.set(name, known)
        const value = ++known.asked
        known.unknown.add(value)
        await change(client, value)
        known.unknown.delete(value)
        known.acknowledged = value
      }
    })
}

/** What was acknowledged last is there, or what nobody knows of. */
export async function checkSettings(client: LogClient, settings: SettingsHistory): Promise<void> {
  for (const [name, { acknowledged, unknown }] of settings) {
    const found = await SETTINGS[name].find(client)
    if (acknowledged > 0 && found !== acknowledged && !unknown.has(found))
      throw new BrokenPromise(`${name}: ${acknowledged} was acknowledged, now it is ${found}`)
  }
}
