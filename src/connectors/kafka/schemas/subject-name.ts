import type { SubjectNaming, SubjectOf } from './registry-options.ts'

/** The subject's name; undefined where it is named after a record, and the schema has no name. */
export function subjectName(naming: SubjectNaming, of: SubjectOf): string | undefined {
  const { topic, part, recordName } = of
  if (typeof naming === 'function') return naming(of)
  if (naming === 'topic') return `${topic}-${part}`
  if (recordName === undefined) return undefined
  return naming === 'record' ? recordName : `${topic}-${recordName}`
}
