/**
 * The types that a file can name: its own, those of its imports, and those that everybody has. Names are looked for as the
 * language says: from the innermost scope outwards, the first part of a name deciding.
 */
import {
  type ProtoEnum,
  type ProtoFile,
  type ProtoMessage,
  PROTO_SCALARS,
  type ProtoType,
} from './proto-file.ts'

export interface KnownType {
  /** With package, without a dot in front. */
  readonly fullName: string
  /** Without package: what a type is called inside of its file. */
  readonly localName: string
  readonly type: ProtoMessage | ProtoEnum
  /** Whether the file itself declares it. */
  readonly isOwn: boolean
}

/** Files that come with the compiler or with every registry; nobody has to refer to them. */
const COMMON_IMPORTS = /^(google\/(protobuf|type|rpc|api)\/|confluent\/(meta|type\/)|confluent\/meta\.proto)/
const COMMON_PACKAGES = /^(google\.(protobuf|type|rpc|api)|confluent)(\.|$)/

export function isCommonImport(path: string): boolean {
  return COMMON_IMPORTS.test(path)
}

export class ProtoScope {
  readonly #types = new Map<string, KnownType>()
  /** All that names can begin with: packages and types. */
  readonly #prefixes = new Set<string>()

  constructor(file: ProtoFile, dependencies: readonly ProtoFile[]) {
    for (const dependency of dependencies) this.#declare(dependency, false)
    this.#declare(file, true)
    if (file.imports.some(({ path }) => isCommonImport(path))) {
      for (const prefix of [
        'google',
        'google.protobuf',
        'google.type',
        'google.rpc',
        'google.api',
        'confluent',
      ])
        this.#prefixes.add(prefix)
    }
  }

  get types(): ReadonlyMap<string, KnownType> {
    return this.#types
  }

  /**
   * The full name of a type and the type, if it is known; a name alone for types that everybody has; undefined for what is not there.
   * @param scope full name of the message (or package) in which the name is used.
   */
  resolve(
    name: string,
    scope: string,
  ): { readonly fullName: string; readonly known?: KnownType } | undefined {
    if (name.startsWith('.')) return this.#absolute(name.slice(1))
    const first = name.split('.', 1)[0]!
    for (let outer = scope; ; outer = outer.slice(0, Math.max(0, outer.lastIndexOf('.')))) {
      const prefix = outer === '' ? '' : `${outer}.`
      if (this.#prefixes.has(prefix + first)) {
        const found = this.#absolute(prefix + name)
        // A field's own name never hides; a package of the same first part may, until the whole name fits.
        if (found !== undefined) return found
      }
      if (outer === '') return this.#absolute(name)
    }
  }

  #absolute(fullName: string): { readonly fullName: string; readonly known?: KnownType } | undefined {
    const known = this.#types.get(fullName)
    if (known !== undefined) return { fullName, known }
    return COMMON_PACKAGES.test(fullName) && /\.[A-Z]\w*$/.test(fullName) ? { fullName } : undefined
  }

  #declare(file: ProtoFile, isOwn: boolean): void {
    const parts = file.package === '' ? [] : file.package.split('.')
    for (let count = 1; count <= parts.length; count++) this.#prefixes.add(parts.slice(0, count).join('.'))
    const visit = (types: readonly ProtoType[], outer: string): void => {
      for (const type of types) {
        const localName = outer === '' ? type.name : `${outer}.${type.name}`
        const fullName = file.package === '' ? localName : `${file.package}.${localName}`
        this.#types.set(fullName, { fullName, localName, type, isOwn })
        this.#prefixes.add(fullName)
        if (type.kind === 'message') visit(type.types, localName)
      }
    }
    visit(file.types, '')
  }
}

export function isScalar(type: string): boolean {
  return PROTO_SCALARS.has(type)
}
