import { invalidSchema } from '../registry-error.ts'
import type { Incompatibility, ParsedSchema, ParseOptions } from '../parsed-schema.ts'
import { avroDifferences } from './avro-compatibility.ts'
import { AvroParser, AvroSyntaxError } from './avro-parser.ts'
import type { AvroType } from './avro-schema.ts'
import { avroText } from './avro-text.ts'

/** Throws a `RegistryError` that says what is wrong. */
export function parseAvro(text: string, options: ParseOptions): ParsedSchema {
  try {
    const parser = new AvroParser({ checkDefaults: options.isNew })
    for (const { schema } of options.references) parser.parse(schema)
    const known = parser.names
    return new AvroSchema(parser.parse(text), known)
  } catch (error) {
    if (!(error instanceof AvroSyntaxError)) throw error
    throw invalidSchema(`Invalid schema of type AVRO, details: ${error.message}`, error)
  }
}

class AvroSchema implements ParsedSchema {
  readonly type = 'AVRO'
  readonly canonical: string
  readonly #root: AvroType
  readonly #known: ReadonlySet<string>

  constructor(root: AvroType, known: ReadonlySet<string>) {
    this.#root = root
    this.#known = known
    this.canonical = avroText(root, { known })
  }

  normalized(): string {
    return avroText(this.#root, { known: this.#known, sortProps: true })
  }

  /** `resolved` has the types that the schema refers to inside. */
  format(name: string): string | undefined {
    return name === 'resolved' ? avroText(this.#root) : undefined
  }

  differencesAsReaderOf(writer: ParsedSchema): readonly Incompatibility[] {
    return writer instanceof AvroSchema ? avroDifferences(this.#root, writer.#root) : []
  }
}
