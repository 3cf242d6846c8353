/** Where avsc's types are not what events need: lists of any length from a few bytes, instances of classes, longs. */
import avsc, { type Schema, type Type } from 'avsc'

interface Tap {
  readonly buf: Buffer
  pos: number
  readLong(): number
  readString(): string
  skipString(): void
}

/** What of avsc's types is used here beyond what they declare. A reader by two schemas has `_read` and what it uses. */
interface InnerType {
  _read(tap: Tap): unknown
  _skip(tap: Tap): void
  readonly types?: readonly InnerType[]
  readonly fields?: readonly { readonly type: InnerType }[]
  readonly itemsType?: InnerType
  readonly valuesType?: InnerType
  readonly recordConstructor?: { prototype: object }
  readonly _branchConstructor?: { prototype: object } | null
}

type InnerTypeClass = new (attributes: unknown, options: object) => InnerType

const inner = avsc.types as unknown as {
  readonly ArrayType: InnerTypeClass
  readonly MapType: InnerTypeClass
  readonly LongType: { __with(methods: object): InnerType }
}

/** For avsc's `typeHook`: the type to take instead of avsc's own, if any. */
export function ownType(schema: Schema, options: object, longs: 'number' | 'bigint'): Type | undefined {
  const isNew = typeof schema === 'object' && !Array.isArray(schema)
  const kind = isNew ? (schema as { readonly type: unknown }).type : schema
  if (kind === 'long' && longs === 'bigint') return BIGINT_LONG as unknown as Type
  if (kind === 'array' && isNew) return new BoundedArrayType(schema, options) as unknown as Type
  if (kind === 'map' && isNew) return new BoundedMapType(schema, options) as unknown as Type
  return undefined
}

/** Makes records and wrapped branches of unions plain objects, here and in all types within. */
export function plainValues(type: Type): void {
  const seen = new Set<InnerType>()
  const visit = (one: InnerType | undefined): void => {
    if (one === undefined || seen.has(one)) return
    seen.add(one)
    if (one.recordConstructor !== undefined) one.recordConstructor.prototype = Object.prototype
    if (one._branchConstructor) one._branchConstructor.prototype = Object.prototype
    one.types?.forEach(visit)
    one.fields?.forEach((field) => visit(field.type))
    visit(one.itemsType)
    visit(one.valuesType)
  }
  visit(type as unknown as InnerType)
}

/** Each entry takes a byte at least (lists of nothing but nulls are refused with those that lie). */
function entryCount(tap: Tap, count: number): number {
  if (count > tap.buf.length - tap.pos) throw new Error(`a list in it says that it has ${count} entries`)
  return count
}

function nextBlock(tap: Tap): number {
  const count = tap.readLong()
  if (count >= 0) return entryCount(tap, count)
  tap.readLong() // The block's size in bytes, which only those need that pass over it.
  return entryCount(tap, -count)
}

function skipBlocks(tap: Tap, skipEntry: () => void): void {
  for (let count = tap.readLong(); count !== 0; count = tap.readLong()) {
    if (count < 0) tap.pos += entryCount(tap, Math.max(0, tap.readLong()))
    else for (let left = entryCount(tap, count); left > 0; left--) skipEntry()
  }
}

class BoundedArrayType extends inner.ArrayType {
  override _read(tap: Tap): unknown {
    const values: unknown[] = []
    for (let count = nextBlock(tap); count > 0; count = nextBlock(tap))
      for (; count > 0; count--) values.push(this.itemsType!._read(tap))
    return values
  }

  override _skip(tap: Tap): void {
    skipBlocks(tap, () => this.itemsType!._skip(tap))
  }
}

class BoundedMapType extends inner.MapType {
  override _read(tap: Tap): unknown {
    const entries: [string, unknown][] = []
    for (let count = nextBlock(tap); count > 0; count = nextBlock(tap))
      for (; count > 0; count--) entries.push([tap.readString(), this.valuesType!._read(tap)])
    // Also where a key is __proto__.
    return Object.fromEntries(entries)
  }

  override _skip(tap: Tap): void {
    skipBlocks(tap, () => {
      tap.skipString()
      this.valuesType!._skip(tap)
    })
  }
}

const BIGINT_LONG = inner.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(value)
    return bytes
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint' && BigInt.asIntN(64, value) === value,
  compare: (a: bigint, b: bigint) => (a === b ? 0 : a < b ? -1 : 1),
})
