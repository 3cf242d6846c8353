import type { ResolvedReference, SchemaReference } from './parsed-schema.ts'
import { invalidSchema } from './registry-error.ts'
import type { RegistryState } from './registry-state.ts'
import type { StoredSchema } from './stored-schema.ts'
import { contextOf, DEFAULT_CONTEXT, parseSubject, qualify } from './subject-name.ts'

/** References as they are stored: subjects with the context of who refers, `-1` as the latest version. Throws 42201. */
export function checkedReferences(
  state: RegistryState,
  references: readonly SchemaReference[],
  referrer: string,
): readonly SchemaReference[] {
  return references.map(({ name, subject, version }) => {
    const qualified = inContextOf(subject, referrer)
    const found =
      version === -1
        ? state.versions(qualified, { deleted: false }).at(-1)
        : state.version(qualified, version)
    if (found === undefined || found.deleted) {
      throw invalidSchema(
        `Invalid schema: no schema reference found for subject "${subject}" and version ${version}`,
      )
    }
    return { name, subject: qualified, version: found.version }
  })
}

/** All that schemas refer to, directly or not, each once and behind what it refers to itself. */
export function resolveReferences(
  state: RegistryState,
  references: readonly SchemaReference[],
): readonly ResolvedReference[] {
  const resolved = new Map<string, ResolvedReference>()
  const visit = (list: readonly SchemaReference[], above: readonly StoredSchema[]): void => {
    for (const { name, subject, version } of list) {
      const schema = state.version(subject, version)
      if (schema === undefined) {
        throw invalidSchema(
          `Invalid schema: no schema reference found for subject "${subject}" and version ${version}`,
        )
      }
      if (resolved.has(name) || above.includes(schema)) continue
      visit(schema.references, [...above, schema])
      resolved.set(name, { name, schema: schema.schema })
    }
  }
  visit(references, [])
  return [...resolved.values()]
}

function inContextOf(subject: string, referrer: string): string {
  const parsed = parseSubject(subject)
  if (parsed.context !== DEFAULT_CONTEXT || subject.startsWith(':')) return qualify(parsed)
  return qualify({ context: contextOf(referrer), subject })
}
