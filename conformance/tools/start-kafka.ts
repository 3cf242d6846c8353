/**
 * Starts a real Apache Kafka: one KRaft node, broker and controller, on the loopback interface.
 *
 * As a program: `node conformance/tools/start-kafka.ts [--port N] [--data DIR]` prints its address and runs until Ctrl-C.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { endProcess } from './end-process.ts'
import { firstByteServed } from './first-byte.ts'
import { freePort } from './free-port.ts'
import { paths } from './paths.ts'
import { classPath } from './witnesses.ts'

export interface RunningServer extends AsyncDisposable {
  /** host:port */
  readonly address: string
  /** The folder that holds the partitions' folders. */
  readonly dataPath: string
  readonly pid: number
  /** From the start of the process until it answered its first ApiVersions request. */
  readonly startMs: number
  /** Ends the process in good order and leaves the data where they are, until it is disposed of. */
  stop(): Promise<void>
}

/** The flags of Kafka's own start script, which its documentation recommends with G1 for brokers. */
export const kafkaJvmFlags: readonly string[] = [
  '-Xmx1G',
  '-Xms1G',
  '-server',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
  '-XX:MaxInlineLevel=15',
  '-Djava.awt.headless=true',
]

/** A listener beside the plaintext one that everything else uses. */
export interface FurtherListener {
  /** Letters and underscores, in upper case. */
  readonly name: string
  readonly protocol: 'PLAINTEXT' | 'SSL' | 'SASL_PLAINTEXT' | 'SASL_SSL'
  readonly port: number
  /** Where its clients are told to connect, when that is something in between. Default: `port`. */
  readonly advertisedPort?: number
}

/** @param options.folder holds settings and data, those of an earlier run too; a temporary one, removed at the end, by default. */
export async function startKafka(
  options: {
    readonly port?: number
    readonly folder?: string
    readonly settings?: Readonly<Record<string, string>>
    /** Their own settings (`listener.name.<name in lower case>.…`) go into `settings`. */
    readonly listeners?: readonly FurtherListener[]
    /** Levels of features such as `transaction.version`, when they should not be the newest. */
    readonly features?: Readonly<Record<string, number>>
    /** A folder with classes of plugins. */
    readonly classes?: string
  } = {},
): Promise<RunningServer> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'kafka-'))
  const port = options.port ?? (await freePort())
  const controllerPort = await freePort()
  const dataPath = join(folder, 'data')
  mkdirSync(dataPath, { recursive: true })
  const further = options.listeners ?? []
  const listeners: readonly (Omit<FurtherListener, 'protocol'> & { readonly protocol: string })[] = [
    { name: 'PLAINTEXT', protocol: 'PLAINTEXT', port },
    ...further,
    { name: 'CONTROLLER', protocol: 'PLAINTEXT', port: controllerPort },
  ]
  const addressOf = (name: string, port: number): string => `${name}://127.0.0.1:${port}`
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': '1',
    'controller.quorum.bootstrap.servers': `127.0.0.1:${controllerPort}`,
    listeners: listeners.map(({ name, port }) => addressOf(name, port)).join(','),
    'advertised.listeners': listeners
      .map(({ name, port, advertisedPort = port }) => addressOf(name, advertisedPort))
      .join(','),
    'inter.broker.listener.name': 'PLAINTEXT',
    'controller.listener.names': 'CONTROLLER',
    'listener.security.protocol.map': listeners.map(({ name, protocol }) => `${name}:${protocol}`).join(','),
    'log.dirs': dataPath,
    'offsets.topic.replication.factor': '1',
    'transaction.state.log.replication.factor': '1',
    'transaction.state.log.min.isr': '1',
    'share.coordinator.state.topic.replication.factor': '1',
    'share.coordinator.state.topic.min.isr': '1',
    'group.initial.rebalance.delay.ms': '0',
    ...options.settings,
  }
  const properties = join(folder, 'server.properties')
  writeFileSync(
    properties,
    Object.entries(settings)
      .map(([key, value]) => `${key}=${value}\n`)
      .join(''),
  )
  const log4j = join(import.meta.dirname, 'kafka', 'log4j2.xml')
  const logging = `-Dlog4j2.configurationFile=${log4j}`
  const libs = classPath(paths.kafkaLibs, ...(options.classes === undefined ? [] : [options.classes]))
  execFileSync(
    'java',
    [
      '-Xshare:auto',
      logging,
      '-cp',
      libs,
      'kafka.tools.StorageTool',
      'format',
      '--standalone',
      '--ignore-formatted',
      '--cluster-id',
      'bWlsbHJhY2UtYmVuY2gtMQ',
      '-c',
      properties,
      ...Object.entries(options.features ?? {}).flatMap(([name, level]) => ['--feature', `${name}=${level}`]),
    ],
    { stdio: ['ignore', 'ignore', 'inherit'] },
  )
  const output = join(folder, 'server.log')
  const outputFile = openSync(output, 'a')
  const startedMs = performance.now()
  const server = spawn('java', [...kafkaJvmFlags, logging, '-cp', libs, 'kafka.Kafka', properties], {
    stdio: ['ignore', outputFile, outputFile],
  })
  const address = `127.0.0.1:${port}`
  try {
    await firstByteServed(address, {
      gaveUp: () => (server.exitCode === null ? undefined : readFileSync(output, 'utf8').slice(-2_000)),
    })
  } catch (error) {
    await endProcess(server)
    throw error
  }
  return {
    address,
    dataPath,
    pid: server.pid ?? 0,
    startMs: performance.now() - startedMs,
    stop: () => endProcess(server),
    async [Symbol.asyncDispose]() {
      await endProcess(server)
      if (options.folder === undefined) rmSync(folder, { recursive: true, force: true })
    },
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { port: { type: 'string' }, data: { type: 'string' } } })
  await using kafka = await startKafka({
    ...(values.port === undefined ? {} : { port: Number(values.port) }),
    ...(values.data === undefined ? {} : { folder: values.data }),
  })
  console.log(`${kafka.address} ${kafka.dataPath} pid ${kafka.pid} ready in ${Math.round(kafka.startMs)} ms`)
  await new Promise((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
}
