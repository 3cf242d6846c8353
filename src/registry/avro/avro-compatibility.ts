/** Whether data written with one Avro schema can be read with another, by the specification's schema resolution. */
import { ComparedPairs } from '../compared-pairs.ts'
import type { Incompatibility } from '../parsed-schema.ts'
import {
  avroKind,
  type AvroEnum,
  type AvroField,
  type AvroNamed,
  type AvroRecord,
  type AvroType,
} from './avro-schema.ts'

/** What data of the left type may be read as, beside itself. */
const PROMOTIONS: Readonly<Record<string, readonly string[]>> = {
  int: ['long', 'float', 'double'],
  long: ['float', 'double'],
  float: ['double'],
  string: ['bytes'],
  bytes: ['string'],
}

/** What is wrong when `reader` reads data of `writer`; empty when nothing. Paths are those of the reader. */
export function avroDifferences(reader: AvroType, writer: AvroType): readonly Incompatibility[] {
  return new Comparison().compare(reader, writer, '')
}

class Comparison {
  readonly #pairs = new ComparedPairs()

  compare(reader: AvroType, writer: AvroType, path: string): readonly Incompatibility[] {
    if (writer.kind === 'union' && reader.kind !== 'union') {
      return writer.branches.flatMap((branch) => this.compare(reader, branch, path))
    }
    if (reader.kind === 'union') return this.#union(reader, writer, path)
    switch (reader.kind) {
      case 'primitive':
        return this.#primitive(reader, writer, path)
      case 'array':
      case 'map':
        if (writer.kind !== reader.kind) return [mismatch(reader, writer, path)]
        return this.compare(reader.of, writer.of, `${path}/${reader.kind === 'array' ? 'items' : 'values'}`)
      case 'fixed':
        if (writer.kind !== 'fixed') return [mismatch(reader, writer, path)]
        return [
          ...nameDifference(reader, writer, path),
          ...(reader.size === writer.size
            ? []
            : [
                {
                  kind: 'FIXED_SIZE_MISMATCH',
                  path: `${path}/size`,
                  description: `The size of FIXED type field at path '${path}/size' in the %reader schema does not match with the %writer schema`,
                  detail: `expected: ${writer.size}, found: ${reader.size}`,
                },
              ]),
        ]
      case 'enum':
        if (writer.kind !== 'enum') return [mismatch(reader, writer, path)]
        return [...nameDifference(reader, writer, path), ...symbolsDifference(reader, writer, path)]
      case 'record':
        if (writer.kind !== 'record') return [mismatch(reader, writer, path)]
        return this.#record(reader, writer, path)
    }
  }

  #primitive(
    reader: AvroType & { kind: 'primitive' },
    writer: AvroType,
    path: string,
  ): readonly Incompatibility[] {
    if (writer.kind !== 'primitive') return [mismatch(reader, writer, path)]
    const fits = reader.type === writer.type || PROMOTIONS[writer.type]?.includes(reader.type) === true
    return fits ? [] : [mismatch(reader, writer, path)]
  }

  #union(reader: AvroType & { kind: 'union' }, writer: AvroType, path: string): readonly Incompatibility[] {
    const written = writer.kind === 'union' ? writer.branches : [writer]
    return written.flatMap((branch, index) => {
      const fits = reader.branches.some((own) => this.compare(own, branch, path).length === 0)
      if (fits) return []
      // A record that is there under its name says more than that no branch fits.
      const named = reader.branches.find((own) => 'name' in own && 'name' in branch && sameName(own, branch))
      if (named !== undefined && writer.kind !== 'union') return this.compare(named, branch, path)
      const place = writer.kind === 'union' ? `${path}/${index}` : path
      return [
        {
          kind: 'MISSING_UNION_BRANCH',
          path: place,
          description: `The %reader schema is missing a type inside a union field at path '${place}' in the %writer schema`,
          detail: `reader union lacking writer type: ${avroKind(branch).toUpperCase()}`,
        },
      ]
    })
  }

  #record(reader: AvroRecord, writer: AvroRecord, path: string): readonly Incompatibility[] {
    return this.#pairs.compare(reader, writer, () => [
      ...nameDifference(reader, writer, path),
      ...reader.fields.flatMap((field, index) => this.#field(field, writer, `${path}/fields/${index}`)),
    ])
  }

  #field(field: AvroField, writer: AvroRecord, path: string): readonly Incompatibility[] {
    const names = [field.name, ...field.aliases]
    const written = names.map((name) => writer.fields.find((one) => one.name === name)).find(Boolean)
    if (written !== undefined) return this.compare(field.type, written.type, `${path}/type`)
    if (field.default !== undefined) return []
    return [
      {
        kind: 'READER_FIELD_MISSING_DEFAULT_VALUE',
        path,
        description: `The field '${field.name}' at path '${path}' in the %reader schema has no default value and is missing in the %writer schema`,
        detail: field.name,
      },
    ]
  }
}

function mismatch(reader: AvroType, writer: AvroType, path: string): Incompatibility {
  const at = path === '' ? '/' : path
  return {
    kind: 'TYPE_MISMATCH',
    path: at,
    description: `The type (path '${at}') of a field in the %reader schema does not match with the %writer schema`,
    detail: `reader type: ${avroKind(reader).toUpperCase()} not compatible with writer type: ${avroKind(writer).toUpperCase()}`,
  }
}

/** Unqualified names count, and the reader's aliases. */
function sameName(reader: AvroNamed, writer: AvroNamed): boolean {
  return (
    reader.name.simple === writer.name.simple ||
    reader.aliases.some((alias) => alias.full === writer.name.full)
  )
}

function nameDifference(reader: AvroNamed, writer: AvroNamed, path: string): Incompatibility[] {
  if (sameName(reader, writer)) return []
  return [
    {
      kind: 'NAME_MISMATCH',
      path: `${path}/name`,
      description: `The name of the schema has changed (path '${path}/name')`,
      detail: `expected: ${writer.name.full}`,
    },
  ]
}

function symbolsDifference(reader: AvroEnum, writer: AvroEnum, path: string): Incompatibility[] {
  const missing = writer.symbols.filter((symbol) => !reader.symbols.includes(symbol))
  if (missing.length === 0 || reader.default !== undefined) return []
  return [
    {
      kind: 'MISSING_ENUM_SYMBOLS',
      path: `${path}/symbols`,
      description: `The %reader schema is missing enum symbols '[${missing.join(', ')}]' at path '${path}/symbols' in the %writer schema`,
      detail: `[${missing.join(', ')}]`,
    },
  ]
}
