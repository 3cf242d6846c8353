/** JSON under a JSON Schema (drafts 4, 6, 7, 2019-09, 2020-12) by the validator ajv, which compiles each schema. */
import { Ajv, type AnySchema, type Options, type ValidateFunction } from 'ajv'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { Ajv2020 } from 'ajv/dist/2020.js'
import draft6 from 'ajv/dist/refs/json-schema-draft-06.json' with { type: 'json' }
import ajvDraft04 from 'ajv-draft-04'
import ajvFormats from 'ajv-formats'
import { messageOf } from '../../../base/millrace-error.ts'
import type { SchemaLanguage, SchemaText } from './schema-language.ts'
import { HEADER_BYTES, writeHeader } from './wire-format.ts'

export interface JsonLanguageOptions {
  /** Whether values are checked against the schema, when they are read and when they are written. */
  readonly validate: boolean
}

type Check = (value: unknown) => void

export function jsonLanguage({ validate }: JsonLanguageOptions): SchemaLanguage {
  const checkOf = (schema: SchemaText): Check => (validate ? compiled(schema) : () => {})
  return {
    type: 'JSON',
    reader(writer, reader) {
      const check = checkOf(reader ?? writer)
      return (source, start, end) => {
        const value = parsed(source.toString('utf8', start, end))
        check(value)
        return value
      }
    },
    writer(schema) {
      const check = checkOf(schema)
      return {
        recordName: titleOf(schema),
        encode(value, schemaId) {
          check(value)
          const text: string | undefined = JSON.stringify(value)
          if (text === undefined) throw new Error(`${typeof value} has no JSON form`)
          const target = Buffer.allocUnsafe(HEADER_BYTES + Buffer.byteLength(text))
          writeHeader(target, schemaId)
          target.write(text, HEADER_BYTES)
          return target
        },
      }
    },
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new Error(`not JSON: ${messageOf(error)}`, { cause: error })
  }
}

function titleOf({ schema }: SchemaText): string | undefined {
  const { title } = (parsed(schema) ?? {}) as { readonly title?: unknown }
  return typeof title === 'string' ? title : undefined
}

function compiled({ schema, references }: SchemaText): Check {
  const root = parsed(schema) as AnySchema
  const dialect = typeof root === 'object' ? String(root['$schema'] ?? '') : ''
  const ajv = validatorOf(dialect)
  for (const { name, schema: text } of references) ajv.addSchema(parsed(text) as object, name)
  const validate: ValidateFunction = ajv.compile(root)
  return (value) => {
    if (!validate(value)) throw new Error(ajv.errorsText(validate.errors, { dataVar: 'the value' }))
  }
}

/** What the dialect does not know is passed over, as the drafts say. */
const OPTIONS: Options = { strict: false, logger: false, allowUnionTypes: true }

function validatorOf(dialect: string): Ajv {
  const ajv = /draft\/2020/.test(dialect)
    ? new Ajv2020(OPTIONS)
    : /draft\/2019/.test(dialect)
      ? new Ajv2019(OPTIONS)
      : /draft-04/.test(dialect)
        ? new ajvDraft04.default(OPTIONS)
        : new Ajv(OPTIONS)
  if (/draft-06/.test(dialect)) ajv.addMetaSchema(draft6)
  ajvFormats.default(ajv)
  return ajv
}
