import type { FastifySchemaValidationError } from 'fastify/types/schema.js'
import { MillraceError } from '../base/millrace-error.ts'
import { pathText } from '../config/check-config.ts'
import { nearestWord } from '../base/nearest-word.ts'

const TYPES: Readonly<Record<string, string>> = {
  string: 'a text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  null: 'null',
}

/** What a request says that its route's schema does not know, in words. Values are left out: some are secrets. */
export function invalidRequest(errors: readonly FastifySchemaValidationError[], part: string): MillraceError {
  const [error, problem] = problemOf(errors)
  const where = part === 'body' ? 'the body' : 'the request'
  const path = error.instancePath
    .split('/')
    .slice(1)
    .map((name) => (/^\d+$/.test(name) ? Number(name) : name))
  const what = path.length === 0 ? where : `${pathText(path)} in ${where}`
  return new MillraceError({
    code: 'MR_BAD_REQUEST',
    message: `${what} ${problem}.`,
    fix: 'GET /openapi.json says what each route takes.',
  })
}

/** Of several forms that a field may have, each says what it misses; what lies deepest is what was meant. */
function problemOf(errors: readonly FastifySchemaValidationError[]): [FastifySchemaValidationError, string] {
  const forms = errors.filter(({ keyword }) => keyword !== 'anyOf')
  const meant = forms.find(({ keyword }) => keyword !== 'type')
  if (meant !== undefined) return [meant, wordsOf(meant)]
  const deepest = Math.max(...forms.map(({ instancePath }) => instancePath.length))
  const ofDeepest = forms.filter(({ instancePath }) => instancePath.length === deepest)
  const types = new Set(ofDeepest.flatMap(({ params }) => params['type'] as string | string[]))
  return [ofDeepest[0]!, `has to be ${[...types].map((type) => TYPES[type] ?? type).join(' or ')}`]
}

function wordsOf({ keyword, params, message, ...rest }: FastifySchemaValidationError): string {
  switch (keyword) {
    case 'additionalProperties': {
      const unknown = String(params['additionalProperty'])
      const { parentSchema } = rest as { readonly parentSchema?: { readonly properties?: object } }
      const known = Object.keys(parentSchema?.properties ?? {})
      const near = nearestWord(unknown, known)
      const hint =
        near === undefined
          ? `; there ${known.length === 1 ? 'is' : 'are'} ${known.join(', ')}`
          : `: ${near} is`
      return `has ${JSON.stringify(unknown)}, which is not known here${known.length === 0 ? '' : hint}`
    }
    case 'required':
      return `lacks ${JSON.stringify(params['missingProperty'])}`
    case 'enum':
      return `has to be one of ${(params['allowedValues'] as readonly unknown[]).join(', ')}`
    case 'minLength':
      return 'is empty'
    case 'minItems':
    case 'minProperties':
      return 'holds nothing'
    case 'minimum':
    case 'maximum':
      return `has to be at ${keyword === 'minimum' ? 'least' : 'most'} ${String(params['limit'])}`
    default:
      return message ?? 'is not as it has to be'
  }
}
