import { messageOf } from '../../base/millrace-error.ts'
import { invalidSchema } from '../registry-error.ts'
import type { Incompatibility, ParsedSchema, ParseOptions } from '../parsed-schema.ts'
import { protoFromDescriptor } from './from-descriptor.ts'
import { checkProto } from './proto-check.ts'
import { protoDifferences } from './proto-compatibility.ts'
import { decodeFileDescriptor, encodeFileDescriptor } from './proto-descriptor.ts'
import { type ProtoFile, ProtoSyntaxError } from './proto-file.ts'
import { normalizedProto } from './proto-normal.ts'
import { parseProto } from './proto-parser.ts'
import { ProtoScope } from './proto-scope.ts'
import { protoText } from './proto-text.ts'
import { descriptorFromProto } from './to-descriptor.ts'

/** Reads a `.proto` file, or the Base64 of its description. Throws a `RegistryError` that says what is wrong. */
export function parseProtobuf(text: string, options: ParseOptions): ParsedSchema {
  try {
    const dependencies = options.references.map(({ schema }) => fileOf(schema))
    const file = fileOf(text)
    const scope = new ProtoScope(file, dependencies)
    if (options.isNew) checkProto(file, scope, new Set(options.references.map(({ name }) => name)))
    return new ProtobufSchema(file, scope)
  } catch (error) {
    if (!(error instanceof ProtoSyntaxError)) throw error
    throw invalidSchema(`Invalid schema of type PROTOBUF, details: ${error.message}`, error)
  }
}

function fileOf(text: string): ProtoFile {
  const isBase64 = text !== '' && /^[A-Za-z\d+/]+={0,2}$/.test(text.trim())
  if (!isBase64) return parseProto(text)
  try {
    return protoFromDescriptor(decodeFileDescriptor(Buffer.from(text, 'base64')))
  } catch (error) {
    throw new ProtoSyntaxError(`neither a .proto file nor its description: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

class ProtobufSchema implements ParsedSchema {
  readonly type = 'PROTOBUF'
  readonly canonical: string
  readonly #file: ProtoFile
  readonly #scope: ProtoScope

  constructor(file: ProtoFile, scope: ProtoScope) {
    this.#file = file
    this.#scope = scope
    this.canonical = protoText(file)
  }

  normalized(): string {
    return protoText(normalizedProto(this.#file, this.#scope))
  }

  /** `serialized` is the Base64 of the file's description. */
  format(name: string): string | undefined {
    if (name !== 'serialized') return undefined
    const bytes = encodeFileDescriptor(descriptorFromProto(this.#file, this.#scope))
    return Buffer.from(bytes).toString('base64')
  }

  differencesAsReaderOf(writer: ParsedSchema): readonly Incompatibility[] {
    if (!(writer instanceof ProtobufSchema)) return []
    return protoDifferences(
      { file: writer.#file, scope: writer.#scope },
      { file: this.#file, scope: this.#scope },
    )
  }
}
