/**
 * Which metrics are wanted of which clients (KIP-714): the configuration resources CLIENT_METRICS, each a subscription by
 * a name, in `millrace-client-metrics.json` in the data directory.
 */
import { join } from 'node:path/posix'
import type { Disk } from '../../../world/world.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { DurableDocument } from '../../storage/durable-document.ts'
import { type BoundedRegex, BoundedRegexes } from '../bounded-regexes.ts'
import { parseSetting } from '../broker-config.ts'

type Own = Readonly<Record<string, string>>
type Content = ReadonlyMap<string, Own>

/** What is known of a client, by the words that `match` has for it. */
export type ClientAttributes = Readonly<Record<(typeof MATCH_WORDS)[number], string | null>>

const MATCH_WORDS = [
  'client_instance_id',
  'client_id',
  'client_software_name',
  'client_software_version',
  'client_source_address',
  'client_source_port',
] as const

export interface ClientMetricsSetting {
  readonly type: 'int' | 'list'
  readonly default: string
  readonly doc: string
}

const DEFAULT_INTERVAL_MS = 300_000
const MIN_INTERVAL_MS = 100
const MAX_INTERVAL_MS = 3_600_000
/** What clients say of themselves and is longer fits no expression: matching takes time for every character. */
const MATCHED_LENGTH_MAX = 1_000
/** Stands for all metrics. */
const ALL = '*'

/** Every setting of a subscription, by Kafka's name. */
export const CLIENT_METRICS_SETTINGS: ReadonlyMap<string, ClientMetricsSetting> = new Map([
  [
    'interval.ms',
    {
      type: 'int',
      default: String(DEFAULT_INTERVAL_MS),
      doc: 'How often clients are asked to push their metrics: 100 ms to an hour. The shortest of all that fit a client counts.',
    },
  ],
  [
    'match',
    {
      type: 'list',
      default: '',
      doc: `Which clients are asked: WORD=EXPRESSION, all of which have to fit; by default every client. Words: ${MATCH_WORDS.join(', ')}.`,
    },
  ],
  [
    'metrics',
    {
      type: 'list',
      default: '',
      doc: 'What the names of the wanted metrics begin with, such as org.apache.kafka.producer.; * is all of them.',
    },
  ],
])

/** What a client is to push, and how often. */
export interface WantedMetrics {
  /** What their names begin with, sorted; `*` alone is all of them. */
  readonly metrics: readonly string[]
  readonly intervalMs: number
}

interface Subscription extends WantedMetrics {
  readonly match: ReadonlyMap<keyof ClientAttributes, BoundedRegex>
}

export interface SettingsProblem {
  readonly errorCode: ErrorCode
  readonly errorMessage: string
}

export class TelemetrySubscriptions {
  readonly #document: DurableDocument<Content>
  readonly #regexes = new BoundedRegexes()
  /** Those of `#version`, ready to be matched. */
  #subscriptions: readonly Subscription[] = []
  #version: Content | undefined

  /** Throws `MR_DATA_DIR_DAMAGED` when the file is there but cannot be read. */
  static async open(options: {
    readonly disk: Disk
    readonly dataPath: string
  }): Promise<TelemetrySubscriptions> {
    const { disk, dataPath } = options
    const document = DurableDocument.open<Content>({
      disk,
      path: join(dataPath, 'millrace-client-metrics.json'),
      what: 'the metrics that are wanted of clients',
      initial: new Map(),
      parse: contentOf,
      toJson: (content) => ({ version: 1, clientMetrics: Object.fromEntries(content) }),
      fix: 'Restore the file from a copy, or move it away: no client is asked for metrics then.',
    })
    const subscriptions = new TelemetrySubscriptions(document)
    if (document.content.values().some((own) => own['match'] !== undefined))
      await subscriptions.#regexes.load()
    return subscriptions
  }

  private constructor(document: DurableDocument<Content>) {
    this.#document = document
  }

  /** Another object whenever a subscription has changed. */
  get version(): unknown {
    return this.#document.content
  }

  /** The names of those that have set something. */
  names(): Iterable<string> {
    return this.#document.content.keys()
  }

  own(name: string): Own {
    return this.#document.content.get(name) ?? {}
  }

  /** What the subscriptions that fit a client want of it, taken together. */
  wantedOf(client: ClientAttributes): WantedMetrics {
    const metrics = new Set<string>()
    let intervalMs = DEFAULT_INTERVAL_MS
    for (const subscription of this.#current()) {
      if (!fits(subscription, client)) continue
      for (const prefix of subscription.metrics) metrics.add(prefix)
      intervalMs = Math.min(intervalMs, subscription.intervalMs)
    }
    return { metrics: metrics.has(ALL) ? [ALL] : [...metrics].toSorted(), intervalMs }
  }

  /** What is wrong with settings, as Kafka says it; undefined when nothing is. */
  async problemWith(own: Own): Promise<SettingsProblem | undefined> {
    const problem = problemOfForm(own)
    if (problem !== undefined) return problem
    await this.#regexes.load()
    const wrong = partsOf(own['match']).find((part) => this.#conditionOf(part)[1].kind === 'invalid')
    return wrong === undefined ? undefined : illegalMatch(wrong)
  }

  /** `own` has no problem. Resolves when it is on the device; rejects with the disk's error. */
  async set(name: string, own: Own): Promise<void> {
    await this.#document.update((content) => {
      const changed = new Map(content)
      if (Object.keys(own).length === 0) changed.delete(name)
      else changed.set(name, plain(own))
      return changed
    })
  }

  /** Resolves when no change is under way. */
  idle(): Promise<void> {
    return this.#document.idle()
  }

  #current(): readonly Subscription[] {
    const { content } = this.#document
    if (this.#version !== content) {
      this.#version = content
      this.#subscriptions = Array.from(content.values(), (own) => this.#subscriptionOf(own))
    }
    return this.#subscriptions
  }

  #subscriptionOf(own: Own): Subscription {
    return {
      metrics: partsOf(own['metrics']),
      intervalMs: Number(own['interval.ms'] ?? DEFAULT_INTERVAL_MS),
      match: new Map(partsOf(own['match']).map((part) => this.#conditionOf(part))),
    }
  }

  #conditionOf(part: string): [word: keyof ClientAttributes, expression: BoundedRegex] {
    const { word, expression } = wordOf(part)!
    return [word, this.#regexes.compile(expression)]
  }
}

function fits({ match }: Subscription, client: ClientAttributes): boolean {
  return match.entries().every(([word, expression]) => {
    const value = client[word]
    if (value === null || value.length > MATCHED_LENGTH_MAX) return false
    return expression.kind === 'compiled' && expression.matches(value)
  })
}

/** What is wrong with settings before expressions are compiled. */
function problemOfForm(own: Own): SettingsProblem | undefined {
  for (const [name, value] of Object.entries(own)) {
    const setting = CLIENT_METRICS_SETTINGS.get(name)
    if (setting === undefined)
      return refused(ErrorCode.INVALID_REQUEST, `Unknown client metrics configuration: ${name}`)
    const problem = setting.type === 'int' ? problemWithInterval(value) : problemWithList(name, value)
    if (problem !== undefined) return problem
  }
  const wrong = partsOf(own['match']).find((part) => wordOf(part) === undefined)
  return wrong === undefined ? undefined : illegalMatch(wrong)
}

function problemWithInterval(value: string): SettingsProblem | undefined {
  const parsed = parseSetting({ type: 'int', default: 0, doc: '' }, value)
  if (parsed.kind === 'invalid')
    return invalid(`Invalid value ${value} for configuration interval.ms: Not a number of type INT`)
  const intervalMs = Number(parsed.value)
  if (intervalMs >= MIN_INTERVAL_MS && intervalMs <= MAX_INTERVAL_MS) return undefined
  const expected = `interval must be between ${MIN_INTERVAL_MS} and ${MAX_INTERVAL_MS} (1 hour)`
  return refused(ErrorCode.INVALID_REQUEST, `Invalid value ${value} for interval.ms, ${expected}`)
}

function problemWithList(name: string, value: string): SettingsProblem | undefined {
  return partsOf(value).includes('')
    ? invalid(`Configuration '${name}' values must not be empty.`)
    : undefined
}

/** Settings as they are shown: numbers plain, lists without blanks and each of their parts once. */
function plain(own: Own): Own {
  return Object.fromEntries(
    Object.entries(own).map(([name, value]) => {
      const isList = CLIENT_METRICS_SETTINGS.get(name)?.type === 'list'
      return [name, isList ? [...new Set(partsOf(value))].join(',') : String(Number(value))]
    }),
  )
}

/** A condition of `match` in its parts; undefined when it is none. */
function wordOf(part: string): { word: keyof ClientAttributes; expression: string } | undefined {
  const [name = '', expression = '', ...more] = part.split('=')
  const word = MATCH_WORDS.find((known) => known === name.trim())
  return word === undefined || expression === '' || more.length > 0
    ? undefined
    : { word, expression: expression.trim() }
}

/** The parts of a list, as Kafka splits it. */
function partsOf(list = ''): string[] {
  return list.trim() === '' ? [] : list.split(',').map((part) => part.trim())
}

function illegalMatch(part: string): SettingsProblem {
  return invalid(`Illegal client matching pattern: ${part}`)
}

function invalid(errorMessage: string): SettingsProblem {
  return refused(ErrorCode.INVALID_CONFIG, errorMessage)
}

function refused(errorCode: ErrorCode, errorMessage: string): SettingsProblem {
  return { errorCode, errorMessage }
}

function contentOf(json: unknown): Content | undefined {
  const { version, clientMetrics } = json as { version?: unknown; clientMetrics?: Record<string, Own> }
  if (version !== 1 || clientMetrics === undefined) return undefined
  if (Object.values(clientMetrics).some((own) => problemOfForm(own) !== undefined)) return undefined
  return new Map(Object.entries(clientMetrics))
}
