/**
 * Opens data directories with something wrong in their files: bits flipped, ends cut, parts repeated, files gone or
 * swapped, after an orderly shutdown or not. The log opens or refuses with an error that names the file; it does not
 * hang, keeps every batch in front of the first damage of its partition, and takes new records.
 */
import { MillraceError } from '../src/base/millrace-error.ts'
import { readBatchHeader } from '../src/log/protocol/record-batch.ts'
import { LogDirectory } from '../src/log/storage/log-directory.ts'
import type { PartitionLog } from '../src/log/storage/partition-log.ts'
import { readWhole, writeWhole } from '../src/world/files.ts'
import type { SeededRandom } from '../src/world/simulated/seeded-random.ts'
import { Simulation, type SimulatedMachine } from '../src/world/simulated/simulation.ts'
import { sleep, type Disk } from '../src/world/world.ts'
import { mutate } from './mutations.ts'
import { rightBatch, withRightChecksum } from './record-batches.ts'

const PATH = '/data'
const PARTITIONS = 2
/** Where a batch tells how long it is. */
const LENGTH_AT = 8
const TOPICS = {
  plain: {},
  compacted: { 'cleanup.policy': 'compact', 'min.cleanable.dirty.ratio': '0' },
} as const

/** A partition's batches as they were stored, by segment file. */
interface StoredBatch {
  readonly path: string
  readonly position: number
  readonly baseOffset: number
  readonly lastOffset: number
  /** Without base offset and leader epoch's prefix: what the producer sent. */
  readonly content: string
}

interface Image {
  readonly files: ReadonlyMap<string, Buffer>
  readonly batches: ReadonlyMap<string, readonly StoredBatch[]>
}

/** Files without which nobody can know which partitions there are, or where they begin. */
const DECIDES_CONTENT =
  /millrace-topics\.json|meta\.properties|log-start-offset-checkpoint|partition\.metadata/

export async function fuzzRecovery(options: {
  readonly seed: number
  readonly durationMs: number
  readonly openings?: number
  readonly say: (text: string) => void
}): Promise<void> {
  const { seed, durationMs, openings = Infinity, say } = options
  const untilMs = performance.now() + durationMs
  let opened = 0
  let refused = 0
  for (let round = 0; opened + refused < openings && performance.now() < untilMs; round++) {
    const simulation = new Simulation({ seed: seed + round })
    const random = simulation.random.fork('recovery')
    await simulation.run(async () => {
      const image = await makeImage(simulation, random)
      for (let index = 0; index < 40; index++) {
        const machine = simulation.machine(`machine-${index}`)
        const damage = damageFiles(random, image)
        try {
          if (await survives(machine, { image, damage, random })) opened++
          else refused++
        } catch (error) {
          throw new Error(`seed ${seed + round}, opening ${index}: ${damage.what.join('; ')}`, {
            cause: error,
          })
        }
      }
    })
  }
  say(`${opened} damaged directories opened, ${refused} refused with a reason`)
}

/** A log that has seen everything, as it lies on the disk. */
async function makeImage(simulation: Simulation, random: SeededRandom): Promise<Image> {
  const machine = simulation.machine('maker')
  const directory = await open(machine)
  for (const [name, config] of Object.entries(TOPICS)) {
    directory.createTopic({
      name,
      partitions: PARTITIONS,
      config: { 'segment.bytes': '2000', 'index.interval.bytes': '200', ...config },
    })
  }
  const logs = logsOf(directory)
  const sequences = new Map<string, number>()
  for (let count = 0; count < 120; count++) {
    const log = random.pick(logs)
    const producerId = random.pick([-1, 5, 6])
    const batch = rightBatch(random, {})
    appendAs(log, batch, { producerId, sequences })
    if (producerId === 6 && random.chance(0.5))
      log.appendMarker({
        kind: random.pick(['commit', 'abort']),
        producerId,
        producerEpoch: 0,
        coordinatorEpoch: 0,
      })
    if (random.chance(0.1)) await log.sync()
    if (random.chance(0.05)) await directory.compact(machine.world.clock.nowMs())
    if (random.chance(0.03)) log.deleteRecordsBefore(Math.floor(log.endOffset / 3))
  }
  await sleep(simulation.clock, 1_000)
  if (random.chance(0.5)) await directory.close()
  else await Promise.all(logs.map((log) => log.sync()))
  const files = filesIn(machine.world.disk, PATH)
  return { files, batches: batchesIn(files) }
}

function appendAs(
  log: PartitionLog,
  batch: Buffer,
  producer: { readonly producerId: number; readonly sequences: Map<string, number> },
): void {
  const { producerId, sequences } = producer
  if (producerId >= 0) {
    const key = `${log.path} ${producerId}`
    const sequence = sequences.get(key) ?? 0
    batch.writeBigInt64BE(BigInt(producerId), 43)
    batch.writeInt16BE(0, 51)
    batch.writeInt32BE(sequence, 53)
    if (producerId === 6) batch.writeInt16BE(batch.readInt16BE(21) | 0x10, 21)
    sequences.set(key, sequence + batch.readInt32BE(57))
    withRightChecksum(batch)
  }
  const result = log.append(batch, readBatchHeader(batch, 0), { origin: 'client' })
  if (result.kind === 'rejected') throw new Error(result.message)
}

interface Damage {
  readonly files: ReadonlyMap<string, Buffer>
  readonly what: readonly string[]
  /** Path of a segment's `.log` → where its first damage is. */
  readonly damagedFrom: ReadonlyMap<string, number>
  /** What decides which records there are was damaged: nothing is owed but an answer. */
  readonly anythingGoes: boolean
}

function damageFiles(random: SeededRandom, { files }: Image): Damage {
  const damaged = new Map(files)
  const damagedFrom = new Map<string, number>()
  const what: string[] = []
  let anythingGoes = false
  const paths = [...files.keys()].filter((path) => !path.endsWith('.lock'))
  for (let count = 1 + random.below(3); count > 0; count--) {
    const path = random.pick(paths)
    const before = damaged.get(path)
    if (before === undefined) continue
    if (DECIDES_CONTENT.test(path)) anythingGoes = true
    const kind = random.below(10)
    if (kind === 0) {
      damaged.delete(path)
      damagedFrom.set(path, 0)
      what.push(`${path} removed`)
      continue
    }
    const after =
      kind === 1
        ? Buffer.concat([before, random.bytes(random.below(3_000))])
        : kind === 2
          ? Buffer.concat([before, Buffer.alloc(random.below(3_000))])
          : kind === 3
            ? (files.get(random.pick(paths)) ?? before)
            : mutate(random, before)
    const from = firstDifference(before, after)
    damaged.set(path, after)
    damagedFrom.set(path, Math.min(from, damagedFrom.get(path) ?? Infinity))
    what.push(`${path} changed from ${from} of ${before.length} bytes, now ${after.length}`)
  }
  return { files: damaged, what, damagedFrom, anythingGoes }
}

/** False when the log refuses to open, which it may. */
async function survives(
  machine: SimulatedMachine,
  {
    image,
    damage,
    random,
  }: { readonly image: Image; readonly damage: Damage; readonly random: SeededRandom },
): Promise<boolean> {
  const { disk } = machine.world
  for (const [path, bytes] of damage.files) {
    disk.makeDirectory(path.slice(0, path.lastIndexOf('/')))
    writeWhole(disk, path, bytes)
  }
  let directory: LogDirectory
  try {
    directory = await open(machine)
  } catch (error) {
    if (error instanceof MillraceError && error.message !== '') return false
    throw error
  }
  try {
    const logs = logsOf(directory)
    if (!damage.anythingGoes) for (const log of logs) keepsWhatIsIntact(log, image, damage)
    for (const log of logs) {
      readFrom(log, log.logStartOffset)
      const batch = rightBatch(random)
      const result = log.append(batch, readBatchHeader(batch, 0), { origin: 'client' })
      if (result.kind === 'rejected') throw new Error(`${log.path} takes no records: ${result.message}`)
      await log.sync()
      const [stored] = readFrom(log, result.baseOffset)
      if (stored?.content !== contentOf(batch)) throw new Error(`${log.path}: what was appended is not there`)
    }
  } finally {
    await directory.close()
  }
  return true
}

/** Every batch of the partition that lies before its first damage is there, byte by byte. */
function keepsWhatIsIntact(log: PartitionLog, { batches }: Image, { damagedFrom }: Damage): void {
  const owed: StoredBatch[] = []
  let damagedFile: string | undefined
  for (const batch of batches.get(log.path) ?? []) {
    if (damagedFile !== undefined && batch.path !== damagedFile) break
    const from = damagedFrom.get(batch.path)
    if (from !== undefined) damagedFile = batch.path
    if (from !== undefined && batch.position + batch.content.length / 2 > from) break
    owed.push(batch)
  }
  const found = new Map<number, string>()
  // A damaged batch further on may claim any offset.
  for (const { baseOffset, content } of readFrom(log, log.logStartOffset))
    if (!found.has(baseOffset)) found.set(baseOffset, content)
  for (const { baseOffset, lastOffset, content, path } of owed) {
    if (lastOffset < log.logStartOffset || found.get(baseOffset) === content) continue
    throw new Error(
      `${path}: the batch at ${baseOffset} is ${found.has(baseOffset) ? 'changed' : 'gone'}; the log is ${log.logStartOffset} to ${log.endOffset}`,
    )
  }
}

/** All batches from an offset to the end, or to where the log says that it is damaged. */
function readFrom(
  log: PartitionLog,
  start: number,
): { readonly baseOffset: number; readonly content: string }[] {
  const all: { baseOffset: number; content: string }[] = []
  for (let offset = start; offset < log.endOffset;) {
    const records = readAt(log, offset)
    if (records === undefined) return all
    const before = offset
    for (let at = 0; at < records.length;) {
      const header = readBatchHeader(records, at)
      all.push({
        baseOffset: header.baseOffset,
        content: contentOf(records.subarray(at, at + header.sizeBytes)),
      })
      at += header.sizeBytes
      offset = Math.max(offset, header.baseOffset + header.lastOffsetDelta + 1)
    }
    if (offset === before) return all
  }
  return all
}

/** Undefined at damage. */
function readAt(log: PartitionLog, offset: number): Buffer | undefined {
  try {
    const read = log.read({ offset, maxBytes: 1 << 20, isolation: 'read_uncommitted', minOneBatch: true })
    return read.kind === 'data' ? read.records : undefined
  } catch (error) {
    if (error instanceof MillraceError && error.code === 'MR_LOG_DAMAGED') return undefined
    throw error
  }
}

/** All but base offset and leader epoch, which are the log's to set. */
function contentOf(batch: Buffer): string {
  const copy = Buffer.from(batch)
  copy.fill(0, 0, 8).fill(0, 12, 16)
  return copy.toString('hex')
}

function batchesIn(files: ReadonlyMap<string, Buffer>): Map<string, StoredBatch[]> {
  const batches = new Map<string, StoredBatch[]>()
  for (const [path, bytes] of files) {
    if (!path.endsWith('.log')) continue
    const partition = path.slice(0, path.lastIndexOf('/'))
    let list = batches.get(partition)
    if (list === undefined) batches.set(partition, (list = []))
    // Zeros are room for batches to come.
    for (let position = 0; position < bytes.length && bytes.readInt32BE(position + LENGTH_AT) > 0;) {
      const header = readBatchHeader(bytes, position)
      const { baseOffset, sizeBytes } = header
      const content = contentOf(bytes.subarray(position, position + sizeBytes))
      list.push({ path, position, baseOffset, lastOffset: baseOffset + header.lastOffsetDelta, content })
      position += sizeBytes
    }
  }
  return batches
}

/** In the order of their names, which is that of the offsets. */
function filesIn(disk: Disk, path: string): Map<string, Buffer> {
  const files = new Map<string, Buffer>()
  for (const name of disk.list(path)) {
    const at = `${path}/${name}`
    if (disk.stat(at)?.kind === 'directory')
      for (const [inner, bytes] of filesIn(disk, at)) files.set(inner, bytes)
    else files.set(at, readWhole(disk, at) ?? Buffer.alloc(0))
  }
  return files
}

function open(machine: SimulatedMachine): Promise<LogDirectory> {
  return LogDirectory.open({
    world: machine.world,
    path: PATH,
    config: { checkpointIntervalMs: 300, flushIntervalMs: 100 },
    report: () => undefined,
  })
}

function logsOf(directory: LogDirectory): PartitionLog[] {
  return [...directory.topics()].flatMap((topic) => [...topic.partitions])
}

function firstDifference(a: Buffer, b: Buffer): number {
  const length = Math.min(a.length, b.length)
  for (let at = 0; at < length; at++) if (a[at] !== b[at]) return at
  return length
}
