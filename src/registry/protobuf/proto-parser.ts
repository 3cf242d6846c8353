/** Reads `.proto` files: proto2, proto3 and editions. What types are called and whether they are there is another's. */
import {
  MAX_ENUM_NUMBER,
  MAX_FIELD_NUMBER,
  type ProtoEnum,
  type ProtoEnumValue,
  type ProtoExtend,
  type ProtoExtensions,
  type ProtoField,
  type ProtoFile,
  type ProtoImport,
  type ProtoMessage,
  type ProtoMethod,
  type ProtoOneof,
  type ProtoOption,
  type ProtoReserved,
  type ProtoService,
  ProtoSyntaxError,
  type ProtoType,
} from './proto-file.ts'
import { ProtoReader } from './proto-reader.ts'

/** Throws `ProtoSyntaxError`. */
export function parseProto(source: string): ProtoFile {
  const reader = new ProtoReader(source)
  let syntax: ProtoFile['syntax'] = 'proto2'
  let edition: string | undefined
  let packageName = ''
  const imports: ProtoImport[] = []
  const options: ProtoOption[] = []
  const types: ProtoType[] = []
  const services: ProtoService[] = []
  const extended: ProtoExtend[] = []
  while (!reader.atEnd) {
    if (reader.take(';')) continue
    const { text, line } = reader.peek()
    switch (text) {
      case 'syntax':
        reader.next()
        reader.expect('=')
        syntax = checkedSyntax(reader.string(), line)
        reader.expect(';')
        break
      case 'edition':
        reader.next()
        reader.expect('=')
        syntax = 'editions'
        edition = reader.string()
        reader.expect(';')
        break
      case 'package':
        reader.next()
        packageName = reader.dotted()
        reader.expect(';')
        break
      case 'import': {
        reader.next()
        const kind = reader.take('public') ? 'public' : reader.take('weak') ? 'weak' : undefined
        imports.push({ path: reader.string(), kind })
        reader.expect(';')
        break
      }
      case 'option':
        reader.next()
        options.push(reader.option())
        break
      case 'message':
      case 'enum':
        types.push(parseType(reader))
        break
      case 'export':
      case 'local':
        reader.next()
        types.push(parseType(reader))
        break
      case 'service':
        services.push(parseService(reader))
        break
      case 'extend':
        extended.push(parseExtend(reader, types))
        break
      default:
        throw reader.unexpected('a declaration')
    }
  }
  return { syntax, edition, package: packageName, imports, options, types, services, extends: extended }
}

function checkedSyntax(syntax: string, line: number): 'proto2' | 'proto3' {
  if (syntax === 'proto2' || syntax === 'proto3') return syntax
  throw new ProtoSyntaxError(`line ${line}: unknown syntax "${syntax}"`)
}

function parseType(reader: ProtoReader): ProtoType {
  if (reader.take('enum')) return parseEnum(reader)
  reader.expect('message')
  return parseMessageBody(reader, reader.word())
}

function parseMessageBody(reader: ProtoReader, name: string): ProtoMessage {
  const fields: ProtoField[] = []
  const oneofs: ProtoOneof[] = []
  const types: ProtoType[] = []
  const extended: ProtoExtend[] = []
  const extensions: ProtoExtensions[] = []
  const reserved: ProtoReserved[] = []
  const options: ProtoOption[] = []
  reader.expect('{')
  while (!reader.take('}')) {
    if (reader.take(';')) continue
    // A keyword may also be the first word of a type: what follows tells.
    const isWord = (ahead: number): boolean => reader.peek(ahead).kind === 'word'
    const { text } = reader.peek()
    if ((text === 'message' || text === 'enum') && isWord(1) && reader.peek(2).text === '{') {
      types.push(parseType(reader))
    } else if ((text === 'export' || text === 'local') && ['message', 'enum'].includes(reader.peek(1).text)) {
      reader.next()
      types.push(parseType(reader))
    } else if (text === 'oneof' && isWord(1) && reader.peek(2).text === '{') {
      oneofs.push(parseOneof(reader, types))
    } else if (text === 'option' && reader.peek(1).text !== '.') {
      reader.next()
      options.push(reader.option())
    } else if (text === 'reserved' && !isFieldName(reader)) {
      reader.next()
      reserved.push(reader.reserved(MAX_FIELD_NUMBER))
    } else if (text === 'extensions' && reader.peek(1).kind === 'number') {
      reader.next()
      const ranges = reader.ranges(MAX_FIELD_NUMBER)
      extensions.push({ ranges, options: reader.optionsInBrackets() })
      reader.expect(';')
    } else if (text === 'extend' && !isFieldName(reader)) {
      extended.push(parseExtend(reader, types))
    } else {
      fields.push(parseField(reader, types))
    }
  }
  return { kind: 'message', name, fields, oneofs, types, extends: extended, extensions, reserved, options }
}

/** Whether the next word is a type, with a field's name and number behind it. */
function isFieldName(reader: ProtoReader): boolean {
  return reader.peek(1).kind === 'word' && reader.peek(2).text === '='
}

/** @param types gets the message of a group. */
function parseField(reader: ProtoReader, types: ProtoType[]): ProtoField {
  const { text } = reader.peek()
  const labelled =
    (text === 'optional' || text === 'required' || text === 'repeated') && reader.peek(1).text !== '='
  const label = labelled ? (reader.next().text as 'optional' | 'required' | 'repeated') : undefined
  if (reader.peek().text === 'group' && reader.peek(1).kind === 'word' && reader.peek(2).text === '=') {
    return parseGroup(reader, { label, types })
  }
  if (reader.peek().text === 'map' && reader.peek(1).text === '<') return parseMap(reader)
  const type = reader.dotted()
  const name = reader.word()
  reader.expect('=')
  const number = reader.integer()
  const options = reader.optionsInBrackets()
  reader.expect(';')
  return { name, number, label, type, keyType: undefined, isGroup: false, options }
}

function parseGroup(
  reader: ProtoReader,
  { label, types }: { readonly label: ProtoField['label']; readonly types: ProtoType[] },
): ProtoField {
  reader.expect('group')
  const type = reader.word()
  reader.expect('=')
  const number = reader.integer()
  const options = reader.optionsInBrackets()
  types.push(parseMessageBody(reader, type))
  return { name: type.toLowerCase(), number, label, type, keyType: undefined, isGroup: true, options }
}

function parseMap(reader: ProtoReader): ProtoField {
  reader.expect('map')
  reader.expect('<')
  const keyType = reader.word()
  reader.expect(',')
  const type = reader.dotted()
  reader.expect('>')
  const name = reader.word()
  reader.expect('=')
  const number = reader.integer()
  const options = reader.optionsInBrackets()
  reader.expect(';')
  return { name, number, label: undefined, type, keyType, isGroup: false, options }
}

function parseOneof(reader: ProtoReader, types: ProtoType[]): ProtoOneof {
  reader.expect('oneof')
  const name = reader.word()
  const fields: ProtoField[] = []
  const options: ProtoOption[] = []
  reader.expect('{')
  while (!reader.take('}')) {
    if (reader.take(';')) continue
    if (reader.peek().text === 'option' && !isFieldName(reader)) {
      reader.next()
      options.push(reader.option())
    } else {
      fields.push(parseField(reader, types))
    }
  }
  return { name, fields, options }
}

function parseEnum(reader: ProtoReader): ProtoEnum {
  const name = reader.word()
  const values: ProtoEnumValue[] = []
  const reserved: ProtoReserved[] = []
  const options: ProtoOption[] = []
  reader.expect('{')
  while (!reader.take('}')) {
    if (reader.take(';')) continue
    const isValue = reader.peek(1).text === '='
    if (!isValue && reader.take('option')) options.push(reader.option())
    else if (!isValue && reader.take('reserved')) reserved.push(reader.reserved(MAX_ENUM_NUMBER))
    else values.push(parseEnumValue(reader))
  }
  return { kind: 'enum', name, values, reserved, options }
}

function parseEnumValue(reader: ProtoReader): ProtoEnumValue {
  const name = reader.word()
  reader.expect('=')
  const number = reader.integer()
  const options = reader.optionsInBrackets()
  reader.expect(';')
  return { name, number, options }
}

/** @param types of the place where it stands: messages of groups belong there. */
function parseExtend(reader: ProtoReader, types: ProtoType[]): ProtoExtend {
  reader.expect('extend')
  const type = reader.dotted()
  const fields: ProtoField[] = []
  reader.expect('{')
  while (!reader.take('}')) if (!reader.take(';')) fields.push(parseField(reader, types))
  return { type, fields }
}

function parseService(reader: ProtoReader): ProtoService {
  reader.expect('service')
  const name = reader.word()
  const methods: ProtoMethod[] = []
  const options: ProtoOption[] = []
  reader.expect('{')
  while (!reader.take('}')) {
    if (reader.take(';')) continue
    if (reader.take('option')) options.push(reader.option())
    else methods.push(parseMethod(reader))
  }
  return { name, methods, options }
}

function parseMethod(reader: ProtoReader): ProtoMethod {
  reader.expect('rpc')
  const name = reader.word()
  const [requestStream, request] = parseMethodType(reader)
  reader.expect('returns')
  const [responseStream, response] = parseMethodType(reader)
  const options: ProtoOption[] = []
  if (reader.take('{')) {
    while (!reader.take('}')) {
      if (reader.take(';')) continue
      reader.expect('option')
      options.push(reader.option())
    }
  } else {
    reader.expect(';')
  }
  return { name, request, requestStream, response, responseStream, options }
}

function parseMethodType(reader: ProtoReader): readonly [stream: boolean, type: string] {
  reader.expect('(')
  const stream = reader.peek().text === 'stream' && reader.peek(1).kind === 'word' && reader.take('stream')
  const type = reader.dotted()
  reader.expect(')')
  return [stream, type]
}
