/**
 * A format at work in one subtask, of any of the three languages.
 *
 * Reading compiles a decoder for each schema id once. `decode` cannot wait: for an id that is new it throws
 * `SchemaNeeded`, and the source sets these records aside until the schema is there. What is wrong with a schema, or
 * that there is none under an id, is wrong with each of its records, and kept; only an id that the registry does not know
 * is asked for again after a while, since it may be known by then.
 *
 * Writing has one schema, whose id is found or registered before the first record.
 */
import { assert } from '../../../base/assert.ts'
import { type ErrorPlace, messageOf } from '../../../base/millrace-error.ts'
import { type FormatContext, type OpenFormat, SchemaNeeded } from './record-format.ts'
import { type GivenSchema, RegistryClient } from './registry-client.ts'
import { eventUnfit, schemaInvalid } from './registry-errors.ts'
import type { RegistryFormatOptions } from './registry-options.ts'
import type { BodyWriter, DecodeBody, SchemaLanguage } from './schema-language.ts'
import { subjectName } from './subject-name.ts'
import { HEADER_BYTES, readSchemaId } from './wire-format.ts'

/** For so long an id that the registry did not know is not asked for again. */
const UNKNOWN_MS = 10_000
/** Ids of rubbish are not kept without end. */
const IDS_MAX = 10_000

export interface LanguageFormat {
  readonly name: string
  /** Loads the library behind it, which jobs without such formats do without. */
  readonly load: () => Promise<SchemaLanguage>
  /** What the value has to be besides. Throws an `Error` that says what is wrong; returns what the value is then. */
  readonly check?: (value: unknown) => unknown
}

interface KnownSchema {
  readonly decode: DecodeBody
  /** Until when this holds, on the monotonic clock. */
  readonly untilMs: number
}

interface WrittenAs {
  readonly writer: BodyWriter
  readonly subject: string
  readonly schemaId: number
}

export class OpenRegistryFormat<T> implements OpenFormat<T> {
  readonly name: string
  readonly #format: LanguageFormat
  readonly #options: RegistryFormatOptions
  readonly #context: FormatContext
  readonly #client: RegistryClient
  readonly #known = new Map<number, KnownSchema>()
  readonly #asked = new Map<number, Promise<void>>()
  #language!: SchemaLanguage
  #readAs: GivenSchema | undefined
  #written: WrittenAs | undefined

  constructor(format: LanguageFormat, options: RegistryFormatOptions, context: FormatContext) {
    this.name = format.name
    this.#format = format
    this.#options = options
    this.#context = context
    this.#client = new RegistryClient(options.registry, context)
  }

  async prepareDecode(): Promise<void> {
    this.#language = await this.#format.load()
    const given = await this.#given()
    if (given !== undefined) this.#compiled(() => this.#language.reader(given, given))
    this.#readAs = given
  }

  async prepareEncode(): Promise<void> {
    this.#language = await this.#format.load()
    const { subject: naming = 'topic', register = true, normalize = false } = this.#options
    const { topic, part } = this.#context
    const given = await this.#given()
    if (given !== undefined) {
      const writer = this.#compiled(() => this.#language.writer(given))
      const subject = this.#named(subjectName(naming, { topic, part, recordName: writer.recordName }))
      const schemaId = register
        ? await this.#client.register(subject, given, normalize)
        : await this.#client.find(subject, given, normalize)
      this.#written = { writer, subject, schemaId }
    } else {
      const subject = this.#named(subjectName(naming, { topic, part, recordName: undefined }))
      const latest = await this.#client.latest(subject)
      const as = { subject, schemaId: latest.id }
      this.#written = {
        writer: this.#compiled(() => this.#language.writer(this.#ofLanguage(latest)), as),
        ...as,
      }
    }
  }

  decode(source: Buffer, start: number, end: number): T {
    const id = readSchemaId(source, start, end)
    const value = this.#schema(id).decode(source, start + HEADER_BYTES, end)
    return (this.#format.check === undefined ? value : this.#format.check(value)) as T
  }

  /** Throws `MR_SINK_WRITE` for what does not fit the schema. */
  encode(value: T): Buffer {
    assert(this.#written !== undefined, 'a format encodes once it is prepared')
    const { writer, subject, schemaId } = this.#written
    try {
      return writer.encode(value, schemaId)
    } catch (error) {
      throw eventUnfit({ ...this.#place(), subject, schemaId }, messageOf(error), error)
    }
  }

  /** Throws `SchemaNeeded` where it is not known whether there is such a schema. */
  #schema(id: number): KnownSchema {
    const known = this.#known.get(id)
    if (known !== undefined) {
      if (known.untilMs === Infinity || this.#context.world.clock.monotonicMs() < known.untilMs) return known
    }
    let ready = this.#asked.get(id)
    if (ready === undefined) {
      ready = this.#fetch(id).finally(() => this.#asked.delete(id))
      this.#asked.set(id, ready)
    }
    throw new SchemaNeeded(ready)
  }

  async #fetch(id: number): Promise<void> {
    const schema = await this.#client.byId(id)
    const { clock } = this.#context.world
    if (this.#known.size >= IDS_MAX) this.#known.clear()
    if (schema === undefined) {
      const decode = failing(`the registry has no schema ${id}, which it was written with`)
      this.#known.set(id, { decode, untilMs: clock.monotonicMs() + UNKNOWN_MS })
      return
    }
    let decode: DecodeBody
    try {
      decode = this.#language.reader(this.#ofLanguage(schema), this.#readAs)
    } catch (error) {
      decode = failing(`what was written with the schema ${id} cannot be read: ${messageOf(error)}`)
    }
    this.#known.set(id, { decode, untilMs: Infinity })
  }

  /** The schema of the options. */
  async #given(): Promise<GivenSchema | undefined> {
    const { schema, references: direct = [] } = this.#options
    if (schema === undefined) return undefined
    const text = typeof schema === 'string' ? schema : JSON.stringify(schema)
    return {
      type: this.#language.type,
      schema: text,
      direct,
      references: await this.#client.resolve(direct),
    }
  }

  #ofLanguage<S extends { readonly type: string }>(schema: S): S {
    if (schema.type === this.#language.type) return schema
    throw new Error(`it is of the type ${schema.type}, not ${this.#language.type}`)
  }

  #compiled<R>(compile: () => R, of: ErrorPlace = {}): R {
    try {
      return compile()
    } catch (error) {
      throw schemaInvalid({ ...this.#place(), ...of }, messageOf(error), error)
    }
  }

  #named(subject: string | undefined): string {
    if (subject !== undefined) return subject
    const why = 'the subject is to be named after its record or title, and it has none, or there is no schema'
    throw schemaInvalid(this.#place(), why)
  }

  #place(): ErrorPlace {
    const { job, step, topic } = this.#context
    return { job, step, topic }
  }
}

function failing(why: string): DecodeBody {
  return () => {
    throw new Error(why)
  }
}
