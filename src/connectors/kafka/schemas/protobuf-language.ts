/**
 * Protobuf by the library protobufjs, which compiles a reader and a writer for a message. Messages are plain objects
 * whose members have the names of Protobuf's JSON (`unitPrice` of `unit_price`); enumerations are the names of their
 * values; what is not there has its default, and is absent where the file tells absence (`optional`, `oneof`); messages
 * that are not there are null.
 */
import protobuf, { type Namespace, type Type } from 'protobufjs'
import { bigintsAsText, longCheck, messageFault, usesKind } from './protobuf-check.ts'
import type { BodyWriter, DecodeBody, SchemaLanguage, SchemaText } from './schema-language.ts'
import { HEADER_BYTES, messageIndexBytes, readMessageIndexes, writeHeader } from './wire-format.ts'

export interface ProtobufLanguageOptions {
  readonly longs: 'number' | 'bigint'
  /** The message, in full or relative to the file's package. Default: the file's first. */
  readonly message: string | undefined
}

export function protobufLanguage(options: ProtobufLanguageOptions): SchemaLanguage {
  return {
    type: 'PROTOBUF',
    reader: (writer, reader) => decoder(writer, reader, options),
    writer: (schema) => encoder(fileOf(schema), options),
  }
}

/** A file: its messages by where they stand. */
interface ProtoFile {
  readonly package: string
  readonly messages: readonly { readonly path: readonly number[]; readonly type: Type }[]
}

function decoder(
  writer: SchemaText,
  reader: SchemaText | undefined,
  options: ProtobufLanguageOptions,
): DecodeBody {
  const written = fileOf(writer)
  const wanted = reader === undefined ? options.message : namedMessage(fileOf(reader), options.message).type
  const byPath = new Map<string, DecodeBody>()
  const messageAt = (path: readonly number[]): DecodeBody => {
    const found = written.messages.find((one) => one.path.join() === path.join())
    if (found === undefined) throw new Error(`its schema has no message at ${path.join('.')}`)
    const { type } = found
    if (wanted === undefined) return messageDecoder(type, options)
    const expected = typeof wanted === 'string' ? namedMessage(written, wanted).type : wanted
    if (type.fullName !== expected.fullName)
      throw new Error(`it is a ${type.fullName.slice(1)}, not a ${expected.fullName.slice(1)}`)
    return messageDecoder(expected, options)
  }
  return (source, start, end) => {
    const { path, end: begin } = readMessageIndexes(source, start, end)
    const key = path.join()
    let decode = byPath.get(key)
    if (decode === undefined) {
      decode = messageAt(path)
      byPath.set(key, decode)
    }
    return decode(source, begin, end)
  }
}

function messageDecoder(type: Type, { longs }: ProtobufLanguageOptions): DecodeBody {
  // Of bytes the library gives views, which are not good for longer than the batch.
  const copies = usesKind(type, 'bytes')
  const unsafeLong = longs === 'number' && usesKind(type, 'long') ? longCheck(type) : undefined
  const conversion = {
    defaults: true,
    enums: String,
    longs: longs === 'bigint' ? BigInt : Number,
  }
  return (source, start, end) => {
    const bytes = source.subarray(start, end)
    const message = type.decode(copies ? Buffer.from(bytes) : bytes)
    const unsafe = unsafeLong?.(message)
    if (unsafe !== undefined) throw new Error(`${unsafe} is no safe integer (longs: 'bigint' takes it)`)
    return type.toObject(message, conversion)
  }
}

function encoder(file: ProtoFile, { message }: ProtobufLanguageOptions): BodyWriter {
  const { path, type } = namedMessage(file, message)
  const indexes = messageIndexBytes(path)
  const plain = usesKind(type, 'long') ? bigintsAsText : (value: unknown) => value
  return {
    recordName: type.fullName.slice(1),
    encode(value, schemaId) {
      const fault = messageFault(type, value)
      if (fault !== undefined) throw new Error(fault)
      const body = type.encode(type.fromObject(plain(value) as Record<string, unknown>)).finish()
      const target = Buffer.allocUnsafe(HEADER_BYTES + indexes.length + body.length)
      writeHeader(target, schemaId)
      target.set(indexes, HEADER_BYTES)
      target.set(body, HEADER_BYTES + indexes.length)
      return target
    },
  }
}

function namedMessage(file: ProtoFile, name: string | undefined): ProtoFile['messages'][number] {
  const full = [`.${name}`, `.${file.package}.${name}`]
  const found =
    name === undefined ? file.messages[0] : file.messages.find(({ type }) => full.includes(type.fullName))
  if (found === undefined) throw new Error(`the schema has no message${name === undefined ? '' : ` ${name}`}`)
  return found
}

function fileOf({ schema, references }: SchemaText): ProtoFile {
  const root = new protobuf.Root()
  const given = new Set(references.map(({ name }) => name))
  const files = [...references.map((one) => one.schema), schema].map((text) => protobuf.parse(text, root))
  for (const path of files.flatMap(({ imports = [], weakImports = [] }) => [...imports, ...weakImports])) {
    const common = given.has(path) ? null : protobuf.common.get(path)
    if (common?.nested) root.addJSON(common.nested)
  }
  root.resolveAll()
  const packageName = files.at(-1)!.package ?? ''
  // The messages of this file alone, in its order: others may be of the same package.
  const own = protobuf.parse(schema, new protobuf.Root()).root
  const messages: { path: readonly number[]; type: Type }[] = []
  const visit = (space: Namespace, above: readonly number[]): void => {
    const types = space.nestedArray.filter((one) => one instanceof protobuf.Type)
    for (const [index, one] of types.entries()) {
      const path = [...above, index]
      messages.push({ path, type: root.lookupType(one.fullName) })
      visit(one, path)
    }
  }
  visit((packageName === '' ? own : own.lookup(packageName)) as Namespace, [])
  return { package: packageName, messages }
}
