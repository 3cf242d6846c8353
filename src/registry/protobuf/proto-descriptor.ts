/**
 * The names that Protobuf's own descriptions of files (`google/protobuf/descriptor.proto`) have for what `.proto` files
 * say, as plain objects. Serializers send and ask for files in this form, as Base64.
 */
import descriptor from 'protobufjs/ext/descriptor.js'

export type OptionsKind =
  | 'FileOptions'
  | 'MessageOptions'
  | 'FieldOptions'
  | 'OneofOptions'
  | 'EnumOptions'
  | 'EnumValueOptions'
  | 'ServiceOptions'
  | 'MethodOptions'

export type Options = Readonly<Record<string, unknown>>

export interface FileDescriptor {
  readonly name?: string
  readonly package?: string
  readonly dependency?: readonly string[]
  readonly publicDependency?: readonly number[]
  readonly weakDependency?: readonly number[]
  readonly messageType?: readonly MessageDescriptor[]
  readonly enumType?: readonly EnumDescriptor[]
  readonly service?: readonly ServiceDescriptor[]
  readonly extension?: readonly FieldDescriptor[]
  readonly options?: Options
  readonly syntax?: string
  readonly edition?: string
}

export interface MessageDescriptor {
  readonly name: string
  readonly field?: readonly FieldDescriptor[]
  readonly extension?: readonly FieldDescriptor[]
  readonly nestedType?: readonly MessageDescriptor[]
  readonly enumType?: readonly EnumDescriptor[]
  readonly extensionRange?: readonly { readonly start: number; readonly end: number }[]
  readonly oneofDecl?: readonly { readonly name: string; readonly options?: Options }[]
  readonly options?: Options
  readonly reservedRange?: readonly { readonly start?: number; readonly end?: number }[]
  readonly reservedName?: readonly string[]
}

export interface FieldDescriptor {
  readonly name: string
  readonly extendee?: string
  readonly number: number
  readonly label?: string
  readonly type?: string
  readonly typeName?: string
  readonly defaultValue?: string
  readonly options?: Options
  readonly oneofIndex?: number
  readonly jsonName?: string
  readonly proto3Optional?: boolean
}

export interface EnumDescriptor {
  readonly name: string
  readonly value?: readonly { readonly name: string; readonly number?: number; readonly options?: Options }[]
  readonly options?: Options
  readonly reservedRange?: readonly { readonly start?: number; readonly end?: number }[]
  readonly reservedName?: readonly string[]
}

export interface ServiceDescriptor {
  readonly name: string
  readonly method?: readonly MethodDescriptor[]
  readonly options?: Options
}

export interface MethodDescriptor {
  readonly name: string
  readonly inputType: string
  readonly outputType: string
  readonly options?: Options
  readonly clientStreaming?: boolean
  readonly serverStreaming?: boolean
}

/** Throws what the decoder throws on rubbish. Options that are extensions are left out. */
export function decodeFileDescriptor(bytes: Uint8Array): FileDescriptor {
  const { FileDescriptorProto } = descriptor
  return FileDescriptorProto.toObject(FileDescriptorProto.decode(bytes), {
    enums: String,
    longs: String,
    bytes: String,
  })
}

export function encodeFileDescriptor(file: FileDescriptor): Uint8Array {
  const { FileDescriptorProto } = descriptor
  return FileDescriptorProto.encode(FileDescriptorProto.fromObject(file)).finish()
}

/** The type of an option: a scalar's name, `enum`, or undefined when the language does not know the option. */
export function optionType(kind: OptionsKind, name: string): string | undefined {
  const field = descriptor[kind].fields[name]
  if (field === undefined || field.repeated) return undefined
  field.resolve()
  if (field.resolvedType === null) return field.type
  return 'values' in field.resolvedType ? 'enum' : undefined
}

/** `java_package` → `javaPackage`, as fields are called in objects. */
export function camelCase(name: string): string {
  return name.replaceAll(/_+([a-z\d])/g, (_, letter: string) => letter.toUpperCase())
}

/** `javaPackage` → `java_package`. */
export function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
