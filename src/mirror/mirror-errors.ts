/** What a mirror cannot get past by itself. */
import { MillraceError } from '../base/millrace-error.ts'
import { isAboutSecurity } from '../log/client/kafka-error.ts'
import type { PartitionPlace } from './partition-copy.ts'

/** Another start of the same mirror has taken over. */
export function takenOver(name: string): MillraceError {
  return new MillraceError({
    code: 'MR_MIRROR_TAKEN_OVER',
    message: `another instance of the mirror ${name} has taken over; this one ends, and nothing was copied twice.`,
    fix: 'Run one instance under a name. Mirrors of different topics of the same clusters need different names.',
  })
}

export function lostRecords(
  { topic, partition }: PartitionPlace,
  { position, start }: { readonly position: number; readonly start: number },
): MillraceError {
  return new MillraceError({
    code: 'MR_MIRROR_LOST',
    topic,
    partition,
    offset: position,
    message: `the source has deleted ${start - position} offsets before they were copied: it begins at ${start} now.`,
    fix: 'Go on without them with --on-lost skip (onLost: "skip"); raise retention.ms or retention.bytes at the source.',
  })
}

/** The source's topic is not the one that was copied so far. */
export function sourceRemade({ topic, partition }: Partial<PartitionPlace>, why: string): MillraceError {
  return new MillraceError({
    code: 'MR_MIRROR_SOURCE_REMADE',
    ...(topic !== undefined && { topic }),
    ...(partition !== undefined && { partition }),
    message: `the topic at the source is not the one that was copied so far: ${why}.`,
    fix: 'Delete the topic at the target to copy the new one from its beginning, or copy it under another name (--prefix).',
  })
}

export function offsetsNotKept({ target, partition }: PartitionPlace, why: string): MillraceError {
  return new MillraceError({
    code: 'MR_MIRROR_OFFSETS',
    topic: target,
    partition,
    message: `the offsets of the source cannot be kept: ${why}.`,
    fix: 'Copy into a topic that does not exist yet, or let offsets be translated (--offsets auto).',
  })
}

export function noTopicFits(patterns: readonly string[]): MillraceError {
  return new MillraceError({
    code: 'MR_MIRROR_NO_TOPIC',
    message: `no topic of the source fits ${patterns.join(', ')}, or none that may be described.`,
    fix: 'Look at the names with `millrace topics list` at the source; with access rules, the mirror needs Describe and Read on the topics.',
  })
}

export function awayTooLong(problem: string, seconds: number): MillraceError {
  return new MillraceError({
    code: 'MR_MIRROR_AWAY',
    message: `nothing could be copied for ${seconds} s: ${problem.replace(/\.$/, '')}.`,
    fix: 'Start it again when both clusters are there, or wait longer with --wait SECONDS (giveUpAfterMs).',
  })
}

const FINAL: ReadonlySet<string> = new Set([
  'MR_BAD_ADDRESS',
  'MR_BAD_BATCH',
  'MR_MIRROR_DIVERGED',
  'MR_MIRROR_LOST',
  'MR_MIRROR_NO_TOPIC',
  'MR_MIRROR_OFFSETS',
  'MR_MIRROR_OPTIONS',
  'MR_MIRROR_SOURCE_REMADE',
  'MR_MIRROR_TAKEN_OVER',
  'MR_NOT_AUTHORIZED',
  'MR_NOT_KAFKA',
  'MR_RECORD_TOO_LARGE',
  'MR_UNSUPPORTED_API',
])

/** Whether waiting and beginning anew cannot help. What is no `MillraceError` is a bug of ours. */
export function isFinal(error: unknown): boolean {
  if (!(error instanceof MillraceError)) return !(error instanceof Error && error.name === 'ResumeNeeded')
  return isAboutSecurity(error) || FINAL.has(error.code)
}
