/**
 * Key groups: the smallest parts into which keyed state can be dealt out. A key's group never changes while the job
 * lives; a subtask owns a range of them. Placement is Flink's (`KeyGroupRangeAssignment`).
 */
import { javaNumberHash, javaStringHash, murmurHash } from '../../base/hash.ts'
import type { Key } from '../operators/operator.ts'
import type { KeyGroupRange } from './keyed-state-backend.ts'

/** The group of a key, in [0, maxParallelism). */
export function keyGroupOf(key: Key, maxParallelism: number): number {
  return keyHash(key) % maxParallelism
}

/** What groups are made of: Flink's hash of the key, not negative. */
export function keyHash(key: Key): number {
  return murmurHash(typeof key === 'number' ? javaNumberHash(key) : javaStringHash(key))
}

/** The groups that a subtask owns. Ranges of all subtasks cover every group once. */
export function keyGroupRange(options: {
  readonly subtask: number
  readonly parallelism: number
  readonly maxParallelism: number
}): KeyGroupRange {
  const { subtask, parallelism, maxParallelism } = options
  return {
    first: Math.floor((subtask * maxParallelism + parallelism - 1) / parallelism),
    last: Math.floor(((subtask + 1) * maxParallelism - 1) / parallelism),
  }
}

/** The subtask that owns a key group. */
export function subtaskOfKeyGroup(options: {
  readonly keyGroup: number
  readonly parallelism: number
  readonly maxParallelism: number
}): number {
  return Math.floor((options.keyGroup * options.parallelism) / options.maxParallelism)
}
