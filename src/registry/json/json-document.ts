/**
 * A JSON Schema (drafts 4 to 2020-12) with the documents that it refers to, and the way from a `$ref` to what it means:
 * a pointer into the same document, an anchor, an `$id`, or another document by the name of its reference.
 */
import { isJsonObject, type Json, type JsonObject } from '../json-text.ts'

/** A schema in its document: `true`, `false`, or keywords. */
export interface SchemaAt {
  readonly json: boolean | JsonObject
  readonly document: JsonDocument
}

export class JsonDocument {
  readonly root: Json
  readonly #others: ReadonlyMap<string, JsonDocument>
  readonly #byId = new Map<string, JsonObject>()

  /** @param others by the names that references give them. */
  constructor(root: Json, others: ReadonlyMap<string, JsonDocument> = new Map()) {
    this.root = root
    this.#others = others
    this.#collectIds(root, this.id)
  }

  /** `$id` of the document, or an empty text. */
  get id(): string {
    return isJsonObject(this.root) ? (idOf(this.root) ?? '') : ''
  }

  /** Whether keywords beside a `$ref` count: they do since draft 2019-09. */
  get refsHaveSiblings(): boolean {
    const dialect = isJsonObject(this.root) ? this.root['$schema'] : undefined
    return typeof dialect === 'string' && /draft\/20/.test(dialect)
  }

  /** Undefined when there is no such schema here. */
  resolve(ref: string): SchemaAt | undefined {
    const hash = ref.indexOf('#')
    const place = hash < 0 ? ref : ref.slice(0, hash)
    const fragment = hash < 0 ? '' : decodeURIComponent(ref.slice(hash + 1))
    if (place === '' || place === this.id) return this.#within(fragment)
    const absolute = absoluteUri(place, this.id)
    const own = this.#byId.get(absolute)
    if (own !== undefined) return at(pointer(own, fragment), this)
    for (const name of [place, absolute]) {
      const other = this.#others.get(name)
      if (other !== undefined) return other.#within(fragment)
    }
    for (const other of this.#others.values())
      if (other.id !== '' && (other.id === place || other.id === absolute)) return other.#within(fragment)
    return undefined
  }

  #within(fragment: string): SchemaAt | undefined {
    if (fragment === '' || fragment.startsWith('/')) return at(pointer(this.root, fragment), this)
    return at(this.#byId.get(absoluteUri(`#${fragment}`, this.id)), this)
  }

  #collectIds(json: Json, base: string): void {
    if (Array.isArray(json)) {
      for (const one of json as readonly Json[]) this.#collectIds(one, base)
      return
    }
    if (!isJsonObject(json)) return
    const id = idOf(json)
    const ownBase = id === undefined ? base : absoluteUri(id, base)
    if (id !== undefined) this.#byId.set(ownBase, json)
    for (const key of ['$anchor', '$dynamicAnchor']) {
      const anchor = json[key]
      if (typeof anchor === 'string') this.#byId.set(absoluteUri(`#${anchor}`, ownBase), json)
    }
    for (const one of Object.values(json)) this.#collectIds(one, ownBase)
  }
}

function idOf(json: JsonObject): string | undefined {
  const id = json['$id'] ?? json['id']
  return typeof id === 'string' ? id : undefined
}

function at(json: Json | undefined, document: JsonDocument): SchemaAt | undefined {
  return typeof json === 'boolean' || isJsonObject(json) ? { json, document } : undefined
}

/** What a JSON pointer (RFC 6901) leads to. */
function pointer(root: Json, path: string): Json | undefined {
  let here: Json | undefined = root
  for (const part of path.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    if (Array.isArray(here)) here = (here as readonly Json[])[Number(key)]
    else here = isJsonObject(here) && Object.hasOwn(here, key) ? here[key] : undefined
  }
  return here
}

function absoluteUri(uri: string, base: string): string {
  return URL.parse(uri, base === '' ? undefined : base)?.href ?? (uri.startsWith('#') ? base + uri : uri)
}
