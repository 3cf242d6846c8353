/** Writes `.proto` files: two spaces a level, one order of the parts of a declaration, no comments. */
import {
  MAX_ENUM_NUMBER,
  MAX_FIELD_NUMBER,
  type ProtoEnum,
  type ProtoExtend,
  type ProtoField,
  type ProtoFile,
  type ProtoMessage,
  type ProtoMethod,
  type ProtoOneof,
  type ProtoOption,
  type ProtoRange,
  type ProtoReserved,
  type ProtoService,
  type ProtoType,
} from './proto-file.ts'
import { quoted } from './proto-tokens.ts'

export function protoText(file: ProtoFile): string {
  const head =
    file.syntax === 'editions'
      ? `edition = ${quoted(file.edition ?? '')};\n`
      : `syntax = ${quoted(file.syntax)};\n`
  return [
    head + (file.package === '' ? '' : `package ${file.package};\n`),
    file.imports.map(({ path, kind }) => `import ${kind === undefined ? '' : `${kind} `}${quoted(path)};\n`),
    file.options.map(optionLine),
    file.types.map(typeText),
    file.extends.map(extendText),
    file.services.map(serviceText),
  ]
    .map((part) => (typeof part === 'string' ? part : part.join('')))
    .filter((part) => part !== '')
    .join('\n')
}

function typeText(type: ProtoType): string {
  return type.kind === 'enum' ? enumText(type) : messageText(type)
}

/** Parts with an empty line between, inside braces. */
function block(head: string, parts: readonly (readonly string[])[]): string {
  const body = parts.filter((part) => part.length > 0).map((part) => indented(part.join('')))
  return `${head} {\n${body.join('\n')}}\n`
}

function indented(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '  ')
}

function messageText(message: ProtoMessage, head = `message ${message.name}`): string {
  const groups = groupsOf(message)
  return block(head, [
    message.reserved.map((reserved) => reservedLine(reserved, MAX_FIELD_NUMBER)),
    message.options.map(optionLine),
    message.fields.map((field) => fieldText(field, groups)),
    message.oneofs.map((oneof) => oneofText(oneof, groups)),
    message.extensions.map(
      ({ ranges, options }) => `extensions ${rangesText(ranges, MAX_FIELD_NUMBER)}${inBrackets(options)};\n`,
    ),
    message.types.filter((type) => !groups.has(type.name)).map(typeText),
    message.extends.map(extendText),
  ])
}

/** The messages that are written inside of the fields that are groups. */
function groupsOf(message: ProtoMessage): ReadonlyMap<string, ProtoMessage> {
  const names = new Set(
    [...message.fields, ...message.oneofs.flatMap((oneof) => oneof.fields)]
      .filter((field) => field.isGroup)
      .map((field) => field.type),
  )
  return new Map(
    message.types.flatMap((type) =>
      type.kind === 'message' && names.has(type.name) ? [[type.name, type] as const] : [],
    ),
  )
}

function fieldText(field: ProtoField, groups: ReadonlyMap<string, ProtoMessage> = new Map()): string {
  const label = field.label === undefined ? '' : `${field.label} `
  const group = field.isGroup ? groups.get(field.type) : undefined
  if (group !== undefined) {
    return messageText(group, `${label}group ${field.type} = ${field.number}${inBrackets(field.options)}`)
  }
  const type = field.keyType === undefined ? field.type : `map<${field.keyType}, ${field.type}>`
  return `${label}${type} ${field.name} = ${field.number}${inBrackets(field.options)};\n`
}

function oneofText(oneof: ProtoOneof, groups: ReadonlyMap<string, ProtoMessage>): string {
  return block(`oneof ${oneof.name}`, [
    oneof.options.map(optionLine),
    oneof.fields.map((field) => fieldText(field, groups)),
  ])
}

function enumText(type: ProtoEnum): string {
  return block(`enum ${type.name}`, [
    type.reserved.map((reserved) => reservedLine(reserved, MAX_ENUM_NUMBER)),
    type.options.map(optionLine),
    type.values.map(({ name, number, options }) => `${name} = ${number}${inBrackets(options)};\n`),
  ])
}

function extendText(extend: ProtoExtend): string {
  return block(`extend ${extend.type}`, [extend.fields.map((field) => fieldText(field))])
}

function serviceText(service: ProtoService): string {
  return block(`service ${service.name}`, [service.options.map(optionLine), service.methods.map(methodText)])
}

function methodText(method: ProtoMethod): string {
  const request = `${method.requestStream ? 'stream ' : ''}${method.request}`
  const response = `${method.responseStream ? 'stream ' : ''}${method.response}`
  const head = `rpc ${method.name} (${request}) returns (${response})`
  return method.options.length === 0 ? `${head};\n` : block(head, [method.options.map(optionLine)])
}

function optionLine({ name, value }: ProtoOption): string {
  return `option ${name} = ${value};\n`
}

function inBrackets(options: readonly ProtoOption[]): string {
  const texts = options.map(({ name, value }) => `${name} = ${value}`)
  if (texts.length < 2) return texts.length === 0 ? '' : ` [${texts[0]!}]`
  return ` [\n${texts.map((text) => `  ${text}`).join(',\n')}\n]`
}

function reservedLine({ ranges, names }: ProtoReserved, max: number): string {
  const parts = [...(ranges.length > 0 ? [rangesText(ranges, max)] : []), ...names.map(quoted)]
  return `reserved ${parts.join(', ')};\n`
}

function rangesText(ranges: readonly ProtoRange[], max: number): string {
  return ranges
    .map(({ from, to }) => (from === to ? `${from}` : `${from} to ${to === max ? 'max' : to}`))
    .join(', ')
}
