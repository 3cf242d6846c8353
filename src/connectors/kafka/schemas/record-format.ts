/**
 * Formats that ask a schema registry. They are described in a job, and opened where they are used: in a subtask, for a
 * topic, for its keys or its values.
 */
import type { Format } from '../../../stream/connector/format.ts'
import type { World } from '../../../world/world.ts'

/** Where a format is used. */
export interface FormatContext {
  readonly world: Pick<World, 'clock' | 'network' | 'random'>
  readonly job: string
  readonly step: string
  readonly topic: string
  readonly part: 'key' | 'value'
  /** Aborts when the subtask ends. */
  readonly signal: AbortSignal
}

/** A format whose schemas are in a registry: `avro(…)`, `jsonSchema(…)`, `protobuf(…)`. */
export interface RegistryFormat<T> {
  readonly name: string
  open(context: FormatContext): OpenFormat<T>
}

/** A format at work. `decode` throws `SchemaNeeded` where it has to be called again later. */
export interface OpenFormat<T> extends Format<T> {
  /** Called once, before the first `decode`. */
  prepareDecode?(): Promise<void>
  /** Called once, before the first `encode`. */
  prepareEncode?(): Promise<void>
}

/** The record's schema is being fetched; `ready` rejects when it cannot be found out whether there is one. */
export class SchemaNeeded extends Error {
  override readonly name = 'SchemaNeeded'
  readonly ready: Promise<void>

  constructor(ready: Promise<void>) {
    super('the schema is being fetched')
    this.ready = ready
  }
}

export function opened<T>(format: Format<T> | RegistryFormat<T>, context: FormatContext): OpenFormat<T> {
  return 'open' in format ? format.open(context) : format
}
