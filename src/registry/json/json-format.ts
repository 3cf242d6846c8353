import { messageOf } from '../../base/millrace-error.ts'
import { type Json, jsonText, parseJson } from '../json-text.ts'
import { invalidSchema } from '../registry-error.ts'
import type { Incompatibility, ParsedSchema, ParseOptions } from '../parsed-schema.ts'
import { jsonSchemaFault } from './json-check.ts'
import { jsonDifferences } from './json-compatibility.ts'
import { JsonDocument } from './json-document.ts'
import { asSchema } from './json-shape.ts'

/** Throws a `RegistryError` that says what is wrong. */
export function parseJsonSchema(text: string, options: ParseOptions): ParsedSchema {
  const others = new Map<string, JsonDocument>()
  for (const { name, schema } of options.references) {
    others.set(name, new JsonDocument(parsed(schema), new Map(others)))
  }
  const document = new JsonDocument(parsed(text), others)
  const fault = options.isNew ? jsonSchemaFault(document) : undefined
  if (fault !== undefined) throw invalid(fault)
  return new JsonSchema(document)
}

function parsed(text: string): Json {
  try {
    return parseJson(text)
  } catch (error) {
    throw invalid(messageOf(error), error)
  }
}

function invalid(details: string, cause?: unknown): Error {
  return invalidSchema(`Invalid schema of type JSON, details: ${details}`, cause)
}

class JsonSchema implements ParsedSchema {
  readonly type = 'JSON'
  readonly canonical: string
  readonly #document: JsonDocument

  constructor(document: JsonDocument) {
    this.#document = document
    this.canonical = jsonText(document.root)
  }

  normalized(): string {
    return jsonText(this.#document.root, { sortKeys: true })
  }

  format(): undefined {
    return undefined
  }

  differencesAsReaderOf(writer: ParsedSchema): readonly Incompatibility[] {
    if (!(writer instanceof JsonSchema)) return []
    const [old, own] = [writer.#document, this.#document]
    return jsonDifferences(
      { json: asSchema(old.root), document: old },
      { json: asSchema(own.root), document: own },
    )
  }
}
