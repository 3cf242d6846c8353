/** The users that administration has given SCRAM passwords (KIP-554), in `millrace-users.json` in the data directory. */
import { join } from 'node:path/posix'
import type { Disk, Random } from '../../../world/world.ts'
import { DurableDocument } from '../../storage/durable-document.ts'
import type { ScramCredential, ScramMechanismName } from './scram-credential.ts'

/** A user's credential of one mechanism. */
export interface ScramUser {
  readonly user: string
  readonly mechanism: ScramMechanismName
  readonly credential: ScramCredential
}

export type ScramChange =
  | ({ readonly kind: 'set' } & ScramUser)
  | { readonly kind: 'delete'; readonly user: string; readonly mechanism: ScramMechanismName }

interface Content {
  /** Random: what users that do not exist are given for a salt, which has to stay the same over restarts. */
  readonly secret: Buffer
  readonly users: ReadonlyMap<string, ScramUser>
}

export class ScramUsers {
  readonly #document: DurableDocument<Content>

  /** Throws `MR_DATA_DIR_DAMAGED` when the file is there but cannot be read. */
  static open(options: {
    readonly disk: Disk
    readonly dataPath: string
    readonly random: Random
  }): ScramUsers {
    const { disk, dataPath, random } = options
    return new ScramUsers(
      DurableDocument.open<Content>({
        disk,
        path: join(dataPath, 'millrace-users.json'),
        what: 'the list of users',
        initial: { secret: Buffer.from(random.bytes(32)), users: new Map() },
        parse: contentOf,
        toJson: jsonOf,
        ownerOnly: true,
        fix: 'Restore the file from a copy, or move it away: no user has a SCRAM password then.',
      }),
    )
  }

  private constructor(document: DurableDocument<Content>) {
    this.#document = document
  }

  get secret(): Buffer {
    return this.#document.content.secret
  }

  find(mechanism: ScramMechanismName, user: string): ScramCredential | undefined {
    return this.#document.content.users.get(keyOf(mechanism, user))?.credential
  }

  /** Changes its identity whenever the users change. */
  get version(): unknown {
    return this.#document.content
  }

  of(mechanism: ScramMechanismName): readonly ScramCredential[] {
    const users = [...this.#document.content.users.values()]
    return users.filter((user) => user.mechanism === mechanism).map(({ credential }) => credential)
  }

  /** Every user with what it has, in no order. */
  byName(): Map<string, ScramUser[]> {
    return Map.groupBy(this.#document.content.users.values(), ({ user }) => user)
  }

  /**
   * Resolves when the changes are on the device, with those that delete what is not there: they change nothing. Rejects
   * with the disk's error.
   */
  async alter(changes: readonly ScramChange[]): Promise<ReadonlySet<ScramChange>> {
    const pointless = new Set<ScramChange>()
    await this.#document.update((content) => {
      const users = new Map(content.users)
      for (const change of changes) {
        const key = keyOf(change.mechanism, change.user)
        if (change.kind === 'set') users.set(key, change)
        else if (!users.delete(key)) pointless.add(change)
      }
      return pointless.size === changes.length ? content : { ...content, users }
    })
    return pointless
  }

  /** Resolves when no change is under way. */
  idle(): Promise<void> {
    return this.#document.idle()
  }
}

function keyOf(mechanism: ScramMechanismName, user: string): string {
  return `${mechanism} ${user}`
}

/** The file: keys and salts in base64. */
interface UsersJson {
  readonly version: 1
  readonly secret: string
  readonly users: readonly {
    readonly user: string
    readonly mechanism: ScramMechanismName
    readonly iterations: number
    readonly salt: string
    readonly storedKey: string
    readonly serverKey: string
  }[]
}

function jsonOf({ secret, users }: Content): UsersJson {
  return {
    version: 1,
    secret: secret.toString('base64'),
    users: Array.from(users.values(), ({ user, mechanism, credential }) => ({
      user,
      mechanism,
      iterations: credential.iterations,
      salt: credential.salt.toString('base64'),
      storedKey: credential.storedKey.toString('base64'),
      serverKey: credential.serverKey.toString('base64'),
    })),
  }
}

function contentOf(json: unknown): Content | undefined {
  const { version, secret, users } = json as UsersJson
  if (version !== 1) return undefined
  const map = new Map<string, ScramUser>()
  for (const { user, mechanism, iterations, ...keys } of users) {
    const credential = {
      iterations,
      salt: Buffer.from(keys.salt, 'base64'),
      storedKey: Buffer.from(keys.storedKey, 'base64'),
      serverKey: Buffer.from(keys.serverKey, 'base64'),
    }
    map.set(keyOf(mechanism, user), { user, mechanism, credential })
  }
  return { secret: Buffer.from(secret, 'base64'), users: map }
}
