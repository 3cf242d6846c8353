/**
 * Whether data written with one `.proto` file can be read with another, by the rules that Confluent documents for its
 * registry: field numbers and wire types count, names of fields do not; messages are found by their names, without the
 * package where they come from an import.
 */
import type { Incompatibility } from '../parsed-schema.ts'
import {
  type ProtoField,
  type ProtoFile,
  type ProtoMessage,
  PROTO_SCALARS,
  type ProtoType,
} from './proto-file.ts'
import type { KnownType, ProtoScope } from './proto-scope.ts'

export interface ProtoSide {
  readonly file: ProtoFile
  readonly scope: ProtoScope
}

/** What breaks when data of `original` is read with `update`; empty when nothing. */
export function protoDifferences(original: ProtoSide, update: ProtoSide): readonly Incompatibility[] {
  if (original.file.package !== update.file.package) {
    return [
      change('PACKAGE_CHANGED', '#/', 'The package of the %reader schema is not that of the %writer schema'),
    ]
  }
  return new Comparison(original, update).types(original.file.types, update.file.types, {
    path: '#',
    scopes: [original.file.package, update.file.package],
  })
}

interface Place {
  readonly path: string
  /** Full names of what is around, in the original and in the update. */
  readonly scopes: readonly [original: string, update: string]
}

interface Member {
  readonly field: ProtoField
  readonly oneof: string | undefined
}

class Comparison {
  readonly #original: ProtoSide
  readonly #update: ProtoSide
  /** Pairs of imported messages that have been looked at. */
  readonly #seen = new Map<ProtoType, Set<ProtoType>>()

  constructor(original: ProtoSide, update: ProtoSide) {
    this.#original = original
    this.#update = update
  }

  types(
    original: readonly ProtoType[],
    update: readonly ProtoType[],
    place: Place,
  ): readonly Incompatibility[] {
    return original.flatMap((type) => {
      // Enumerations are numbers on the wire: there is nothing that a reader needs of them.
      if (type.kind === 'enum') return []
      const path = `${place.path}/${type.name}`
      const now = update.find((other) => other.kind === 'message' && other.name === type.name)
      if (now?.kind !== 'message')
        return [change('MESSAGE_REMOVED', path, `The %reader schema lacks the message at path '${path}'`)]
      const [before, after] = place.scopes
      return this.#message(type, now, { path, scopes: [inside(before, type), inside(after, now)] })
    })
  }

  #message(original: ProtoMessage, update: ProtoMessage, place: Place): readonly Incompatibility[] {
    const [before, now] = [membersOf(original), membersOf(update)]
    return [
      ...[...before].flatMap(([number, member]) => {
        const other = now.get(number)
        const path = `${place.path}/${number}`
        if (other === undefined) return removed(member, { update, now, before, path: place.path })
        return this.#field(member.field, other.field, { ...place, path })
      }),
      ...[...now].flatMap(([number, { field }]) =>
        field.label === 'required' && !before.has(number) ? [requiredAdded(`${place.path}/${number}`)] : [],
      ),
      ...oneofDifferences(update, before, place.path),
      ...this.types(original.types, update.types, place),
    ]
  }

  #field(original: ProtoField, update: ProtoField, place: Place): readonly Incompatibility[] {
    const { path } = place
    const [before, now] = [
      kindOf(original, this.#original.scope, place.scopes[0]),
      kindOf(update, this.#update.scope, place.scopes[1]),
    ]
    const label = update.label === 'required' && original.label !== 'required' ? [requiredAdded(path)] : []
    if ((original.keyType === undefined) !== (update.keyType === undefined) || before.kind !== now.kind) {
      return [
        ...label,
        change(
          'FIELD_KIND_CHANGED',
          path,
          `The kind of the field at path '${path}' in the %reader schema does not match the %writer schema`,
        ),
      ]
    }
    if (
      original.keyType !== undefined &&
      PROTO_SCALARS.get(original.keyType) !== PROTO_SCALARS.get(update.keyType!)
    )
      return [...label, scalarChanged(path)]
    if (before.kind === 'message' && now.kind === 'message') {
      return [...label, ...this.#messageType(before, now, path)]
    }
    if (before.wire !== now.wire) return [...label, scalarChanged(path)]
    const repeated = (original.label === 'repeated') !== (update.label === 'repeated')
    if (!repeated || before.wire === 'text') return label
    return [
      ...label,
      change(
        'FIELD_NUMERIC_LABEL_CHANGED',
        path,
        `The label of the field at path '${path}' changed in the %reader schema, which a number cannot bear`,
      ),
    ]
  }

  #messageType(original: FieldKind, update: FieldKind, path: string): readonly Incompatibility[] {
    const named = (kind: FieldKind): string => kind.known?.localName ?? kind.name
    const changed = change(
      'FIELD_NAMED_TYPE_CHANGED',
      path,
      `The type of the field at path '${path}' in the %reader schema does not match the %writer schema`,
    )
    if (named(original) !== named(update)) return [changed]
    const [before, now] = [original.known, update.known]
    // The file's own messages are compared where they are declared.
    if (before === undefined || now === undefined || (before.isOwn && now.isOwn)) return []
    if (before.type.kind !== 'message' || now.type.kind !== 'message') return []
    const seen = this.#seen.get(before.type) ?? new Set()
    if (seen.has(now.type)) return []
    this.#seen.set(before.type, seen.add(now.type))
    const found = this.#message(before.type, now.type, {
      path: `#/${now.localName.replaceAll('.', '/')}`,
      scopes: [before.fullName, now.fullName],
    })
    return found.length === 0 ? [] : [changed, ...found]
  }
}

interface FieldKind {
  readonly kind: 'scalar' | 'message'
  /** Group of types of the wire; empty for messages. */
  readonly wire: string
  readonly name: string
  readonly known: KnownType | undefined
}

/** Enumerations are numbers. */
function kindOf(field: ProtoField, scope: ProtoScope, around: string): FieldKind {
  const wire = PROTO_SCALARS.get(field.type)
  if (wire !== undefined) return { kind: 'scalar', wire, name: field.type, known: undefined }
  const found = scope.resolve(field.type, around)
  if (found?.known?.type.kind === 'enum')
    return { kind: 'scalar', wire: 'varint', name: found.fullName, known: found.known }
  return { kind: 'message', wire: '', name: found?.fullName ?? field.type, known: found?.known }
}

function membersOf(message: ProtoMessage): ReadonlyMap<number, Member> {
  const members = new Map<number, Member>()
  for (const field of message.fields) members.set(field.number, { field, oneof: undefined })
  for (const oneof of message.oneofs) {
    for (const field of oneof.fields) members.set(field.number, { field, oneof: oneof.name })
  }
  return members
}

function removed(
  { field, oneof }: Member,
  options: {
    readonly update: ProtoMessage
    readonly before: ReadonlyMap<number, Member>
    readonly now: ReadonlyMap<number, Member>
    readonly path: string
  },
): readonly Incompatibility[] {
  const { before, now, path } = options
  if (field.label === 'required') {
    const at = `${path}/${field.number}`
    return [
      change('REQUIRED_FIELD_REMOVED', at, `The %reader schema lacks the required field at path '${at}'`),
    ]
  }
  // A oneof that is gone with all of its fields is like fields that are gone.
  const siblingsLeft = [...before].some(([number, other]) => other.oneof === oneof && now.has(number))
  if (oneof === undefined || !siblingsLeft) return []
  const at = `${path}/${oneof}/${field.number}`
  return [change('ONEOF_FIELD_REMOVED', at, `The %reader schema lacks the field of a oneof at path '${at}'`)]
}

/** Fields that could be there together before cannot be in one oneof now. */
function oneofDifferences(
  update: ProtoMessage,
  before: ReadonlyMap<number, Member>,
  path: string,
): readonly Incompatibility[] {
  return update.oneofs.flatMap((oneof) => {
    const origins = oneof.fields.flatMap(({ number }) => {
      const member = before.get(number)
      return member === undefined ? [] : [member.oneof ?? number]
    })
    if (new Set(origins).size < 2) return []
    const at = `${path}/${oneof.name}`
    return origins.every((origin) => typeof origin === 'number')
      ? [
          change(
            'MULTIPLE_FIELDS_MOVED_TO_ONEOF',
            at,
            `Several fields were moved to the oneof at path '${at}' in the %reader schema`,
          ),
        ]
      : [
          change(
            'FIELD_MOVED_TO_EXISTING_ONEOF',
            at,
            `A field was moved to the oneof at path '${at}' in the %reader schema, beside fields of another origin`,
          ),
        ]
  })
}

function inside(scope: string, type: ProtoType): string {
  return scope === '' ? type.name : `${scope}.${type.name}`
}

function requiredAdded(path: string): Incompatibility {
  return change(
    'REQUIRED_FIELD_ADDED',
    path,
    `The %reader schema requires the field at path '${path}', which the %writer schema does not`,
  )
}

function scalarChanged(path: string): Incompatibility {
  return change(
    'FIELD_SCALAR_KIND_CHANGED',
    path,
    `The kind of the scalar field at path '${path}' in the %reader schema does not match the %writer schema`,
  )
}

function change(kind: string, path: string, description: string): Incompatibility {
  return { kind, path, description }
}
