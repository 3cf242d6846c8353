/**
 * The topology of a streams application: subtopologies, what they read and write. It names its internal topics
 * (repartition topics between subtopologies, changelogs of their state) but leaves open how many partitions most of
 * them have. That follows from the topics that they come from:
 *  - a repartition topic has as many as the largest topic that is read by who writes it;
 *  - topics that are joined (a copartition group) have equally many;
 *  - a changelog has one for each task, that is as many as the largest topic that its subtopology reads.
 */
import type { TopicsView } from '../consumer/topics-view.ts'

export interface Topology {
  readonly epoch: number
  readonly subtopologies: readonly Subtopology[]
}

export interface Subtopology {
  readonly subtopologyId: string
  readonly sourceTopics: readonly string[]
  readonly sourceTopicRegex: readonly string[]
  readonly stateChangelogTopics: readonly InternalTopic[]
  /** Repartition topics that it writes. */
  readonly repartitionSinkTopics: readonly string[]
  /** Repartition topics that it reads. */
  readonly repartitionSourceTopics: readonly InternalTopic[]
  readonly copartitionGroups: readonly CopartitionGroup[]
}

/** Topics that have to have equally many partitions, as places in the subtopology's lists. */
export interface CopartitionGroup {
  readonly sourceTopics: readonly number[]
  readonly sourceTopicRegex: readonly number[]
  readonly repartitionSourceTopics: readonly number[]
}

export interface InternalTopic {
  readonly name: string
  /** 0: follows from other topics. */
  readonly partitions: number
  /** 0: the broker's default. */
  readonly replicationFactor: number
  readonly topicConfigs: readonly { readonly key: string; readonly value: string }[]
}

/** What a topology comes to with the topics that there are. */
export interface ConfiguredTopology {
  readonly epoch: number
  /** By ascending id; undefined when it cannot be said how many tasks there are. */
  readonly subtopologies: ReadonlyMap<string, ConfiguredSubtopology> | undefined
  /** Undefined when the application can run. */
  readonly problem: TopicsProblem | undefined
  /** Why it cannot come true with any topics: heartbeats are refused then. It may come out only when topics come. */
  readonly invalid: string | undefined
  /** Internal topics that are missing. */
  readonly toCreate: readonly InternalTopic[]
}

export interface ConfiguredSubtopology {
  readonly id: string
  readonly taskCount: number
  /** Whether it has state that standby tasks can keep. */
  readonly stateful: boolean
  readonly sourceTopics: readonly string[]
  readonly repartitionSinkTopics: readonly string[]
  /** With their numbers of partitions. */
  readonly repartitionSourceTopics: readonly InternalTopic[]
  readonly stateChangelogTopics: readonly InternalTopic[]
}

export interface TopicsProblem {
  readonly kind: 'missing source topics' | 'incorrectly partitioned topics' | 'missing internal topics'
  readonly detail: string
}

/** The topology cannot come true with any topics. */
class InvalidTopology extends Error {}

class Misfit extends Error {
  readonly problem: TopicsProblem

  constructor(kind: TopicsProblem['kind'], detail: string) {
    super(detail)
    this.problem = { kind, detail }
  }
}

/** More tasks than this are not assigned: that takes time and memory for each of them, whenever a member comes or goes. */
const MOST_TASKS = 50_000

export function configureTopology(topology: Topology, topics: TopicsView): ConfiguredTopology {
  try {
    const missing = new Set(
      topology.subtopologies.flatMap(({ sourceTopics }) =>
        sourceTopics.filter((name) => topics.topic(name) === undefined),
      ),
    )
    if (missing.size > 0)
      throw new Misfit(
        'missing source topics',
        `Source topics ${summary([...missing].toSorted())} are missing.`,
      )
    const counts = partitionCounts(topology, topics)
    const subtopologies = new Map(
      topology.subtopologies
        .toSorted((one, other) => (one.subtopologyId < other.subtopologyId ? -1 : 1))
        .map((subtopology) => [subtopology.subtopologyId, configured(subtopology, counts)]),
    )
    checkTaskCount(subtopologies.values())
    const toCreate = missingInternalTopics([...subtopologies.values()], topics)
    const problem: TopicsProblem | undefined =
      toCreate.length === 0
        ? undefined
        : {
            kind: 'missing internal topics',
            detail: `Internal topics are missing: ${summary(toCreate.map(({ name }) => name))}`,
          }
    return { epoch: topology.epoch, subtopologies, problem, invalid: undefined, toCreate }
  } catch (error) {
    const nothing = { epoch: topology.epoch, subtopologies: undefined, toCreate: [] }
    if (error instanceof Misfit) return { ...nothing, problem: error.problem, invalid: undefined }
    if (!(error instanceof InvalidTopology)) throw error
    const problem = { kind: 'incorrectly partitioned topics', detail: error.message } as const
    return { ...nothing, problem, invalid: error.message }
  }
}

function checkTaskCount(subtopologies: Iterable<ConfiguredSubtopology>): void {
  let count = 0
  for (const { taskCount } of subtopologies) count += taskCount
  if (count > MOST_TASKS)
    throw new Misfit(
      'incorrectly partitioned topics',
      `The topology comes to ${count} tasks, which are more than the ${MOST_TASKS} that a group may have.`,
    )
}

/** Which subtopology reads a topic. */
export function readerOf(topology: Topology, topic: string): Subtopology | undefined {
  return topology.subtopologies.find((subtopology) => sourcesOf(subtopology).includes(topic))
}

/** All topics that a subtopology reads, each once. */
export function sourcesOf(
  subtopology: Pick<Subtopology, 'sourceTopics' | 'repartitionSourceTopics'>,
): string[] {
  return [
    ...new Set([...subtopology.sourceTopics, ...subtopology.repartitionSourceTopics.map(({ name }) => name)]),
  ]
}

function largest(counts: Iterable<number>): number {
  let found = -Infinity
  for (const count of counts) found = Math.max(found, count)
  return found
}

/** All topics that a topology names, each once. */
export function topicsOf({ subtopologies }: Topology): Set<string> {
  return new Set(
    subtopologies.flatMap((subtopology) => [
      ...sourcesOf(subtopology),
      ...subtopology.repartitionSinkTopics,
      ...subtopology.stateChangelogTopics.map(({ name }) => name),
    ]),
  )
}

/** Topics → how many partitions they have or, being internal and not there yet, are to have. */
function partitionCounts(topology: Topology, topics: TopicsView): Map<string, number> {
  const { subtopologies } = topology
  const decided = repartitionCounts(subtopologies, topics)
  const countOf = (name: string): number =>
    topics.topic(name)?.partitionCount ?? decided.get(name) ?? unreachable(name)
  for (const subtopology of subtopologies)
    for (const group of subtopology.copartitionGroups) copartition(subtopology, group, { decided, countOf })
  for (const subtopology of subtopologies) {
    const sources = sourcesOf(subtopology)
    if (sources.length === 0)
      throw new InvalidTopology(`No source topics found for subtopology ${subtopology.subtopologyId}`)
    const count = largest(sources.map(countOf))
    for (const { name } of subtopology.stateChangelogTopics) decided.set(name, count)
  }
  for (const subtopology of subtopologies)
    for (const name of sourcesOf(subtopology)) if (!decided.has(name)) decided.set(name, countOf(name))
  return decided
}

function unreachable(name: string): never {
  throw new InvalidTopology(`Number of partitions must be set for topic ${name}`)
}

/** Goes from the topics that are there to those that are written by who reads them, as often as it takes. */
function repartitionCounts(subtopologies: readonly Subtopology[], topics: TopicsView): Map<string, number> {
  const counts = new Map<string, number>()
  for (const { repartitionSourceTopics } of subtopologies)
    for (const { name, partitions } of repartitionSourceTopics)
      if (partitions > 0) counts.set(name, partitions)
  for (;;) {
    let progress = false
    let open = false
    for (const subtopology of subtopologies) {
      const sinks = subtopology.repartitionSinkTopics.filter((sink) => !counts.has(sink))
      if (sinks.length === 0) continue
      const known = [
        ...subtopology.repartitionSourceTopics.map(({ name }) => counts.get(name)),
        ...subtopology.sourceTopics.map((name) => topics.topic(name)?.partitionCount),
      ].filter((count) => count !== undefined)
      if (known.length === 0) open = true
      else {
        const count = largest(known)
        for (const sink of sinks) counts.set(sink, count)
        progress = true
      }
    }
    if (!open) break
    if (!progress)
      throw new InvalidTopology(
        'Failed to compute number of partitions for all repartition topics. There may be loops in the topology that cannot be resolved.',
      )
  }
  for (const { repartitionSourceTopics } of subtopologies) {
    if (repartitionSourceTopics.every(({ name }) => counts.has(name))) continue
    throw new InvalidTopology(
      'Failed to compute number of partitions for all repartition topics, because a repartition source topic is never used as a sink topic.',
    )
  }
  return counts
}

/**
 * Makes repartition topics of a copartition group as large as the others of it: those that are given, or those whose
 * number of partitions the application has fixed, or else the largest.
 */
function copartition(
  subtopology: Subtopology,
  group: CopartitionGroup,
  counts: { readonly decided: Map<string, number>; countOf(name: string): number },
): void {
  const { decided, countOf } = counts
  const repartitioned = group.repartitionSourceTopics.map((at) =>
    placeIn(subtopology.repartitionSourceTopics, at),
  )
  const given = group.sourceTopics.map((at) => placeIn(subtopology.sourceTopics, at))
  const fixed = repartitioned.filter(({ partitions }) => partitions > 0)
  const sizes = new Map(
    [...given, ...repartitioned.map(({ name }) => name)].map((name) => [name, countOf(name)]),
  )
  if (sizes.size === 0) return
  const leading = given.length > 0 ? given : fixed.map(({ name }) => name)
  const size =
    leading.length > 0
      ? sameSize(leading, given.length > 0 ? new Map(given.map((name) => [name, sizes.get(name)!])) : sizes)
      : largest(sizes.values())
  for (const { name, partitions } of repartitioned) {
    if (partitions > 0 && sizes.get(name) !== size)
      throw new Misfit(
        'incorrectly partitioned topics',
        `Number of partitions [${sizes.get(name)}] of repartition topic [${name}] doesn't match number of partitions [${size}] of the source topic.`,
      )
    decided.set(name, size)
  }
}

function placeIn<Item>(items: readonly Item[], at: number): Item {
  const item = items[at]
  if (item === undefined)
    throw new InvalidTopology(`A copartition group names place ${at}, which there is not.`)
  return item
}

function sameSize(names: readonly string[], sizes: ReadonlyMap<string, number>): number {
  const size = sizes.get(names[0]!)!
  if (names.every((name) => sizes.get(name) === size)) return size
  const told = [...sizes].toSorted(([one], [other]) => (one < other ? -1 : 1))
  throw new Misfit(
    'incorrectly partitioned topics',
    `Following topics do not have the same number of partitions: [{${told.map(([name, count]) => `${name}=${count}`).join(', ')}}]`,
  )
}

function configured(subtopology: Subtopology, counts: ReadonlyMap<string, number>): ConfiguredSubtopology {
  const sized = (topic: InternalTopic): InternalTopic => ({ ...topic, partitions: counts.get(topic.name)! })
  return {
    id: subtopology.subtopologyId,
    taskCount: largest(sourcesOf(subtopology).map((name) => counts.get(name)!)),
    stateful: subtopology.stateChangelogTopics.length > 0,
    sourceTopics: subtopology.sourceTopics,
    repartitionSinkTopics: subtopology.repartitionSinkTopics,
    repartitionSourceTopics: subtopology.repartitionSourceTopics.map(sized),
    stateChangelogTopics: subtopology.stateChangelogTopics.map(sized),
  }
}

function missingInternalTopics(
  subtopologies: readonly ConfiguredSubtopology[],
  topics: TopicsView,
): InternalTopic[] {
  const wanted = new Map<string, InternalTopic>()
  for (const { repartitionSourceTopics, stateChangelogTopics } of subtopologies)
    for (const topic of [...repartitionSourceTopics, ...stateChangelogTopics]) wanted.set(topic.name, topic)
  for (const { name, partitions } of [...wanted.values()]) {
    const found = topics.topic(name)?.partitionCount
    if (found === undefined) continue
    wanted.delete(name)
    if (found !== partitions)
      throw new Misfit(
        'incorrectly partitioned topics',
        `Existing topic ${name} has different number of partitions: expected ${partitions}, found ${found}`,
      )
  }
  return [...wanted.values()]
}

const TOLD_TOPICS = 3

function summary(names: readonly string[]): string {
  const more = names.length - TOLD_TOPICS
  return names.slice(0, TOLD_TOPICS).join(', ') + (more > 0 ? ` and ${more} additional topics` : '')
}
