/**
 * The independent witnesses of the wire and the rivals of the benchmarks: what each is, how to see whether it is here,
 * and how to fetch it through its own registry's client. Everything but kcat lands under `.cache/`.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, readdirSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { paths, repositoryRoot } from './paths.ts'

export type WitnessName =
  | 'kafka'
  | 'kafka-tools'
  | 'java-clients'
  | 'kafka-streams'
  | 'kafka-connect'
  | 'flink'
  | 'flink-jobs'
  | 'spark'
  | 'kcat'
  | 'confluent-python'
  | 'python-clients'
  | 'franz-go'
  | 'sarama'
  | 'kafka-go'
  | 'many-clients'
  | 'registry-python'
  | 'registry-node'
  | 'registry-go'

export interface Witness {
  readonly name: WitnessName
  readonly what: string
  /** Whether it is fetched and no older than the sources that it is built from. */
  isHere(): boolean
  fetch(): void
}

const root = repositoryRoot
const kafkaPom = join(root, 'conformance', 'tools', 'kafka', 'pom.xml')
const kafkaToolsPom = join(root, 'conformance', 'tools', 'kafka-tools', 'pom.xml')
const flinkProject = join(root, 'bench', 'rivals', 'flink')
const javaClientSources = join(root, 'conformance', 'clients', 'java')
const pythonRequirements = join(root, 'conformance', 'clients', 'python', 'requirements.txt')
const pythonClientsRequirements = join(root, 'conformance', 'clients', 'python', 'requirements-pure.txt')
const frameworks = join(root, 'conformance', 'frameworks')
const registryRequirements = join(root, 'conformance', 'clients', 'registry-python', 'requirements.txt')
const registryNode = join(root, 'conformance', 'clients', 'registry-node')
const registryGo = join(root, 'conformance', 'clients', 'registry-go')

export const witnesses: readonly Witness[] = [
  {
    name: 'kafka',
    what: 'Apache Kafka, the server and the Java clients (Maven)',
    isHere: () => jarsAreHere(paths.kafkaLibs, kafkaPom),
    fetch: () => copyJars(kafkaPom, paths.kafkaLibs),
  },
  {
    name: 'kafka-tools',
    what: "Apache Kafka's command line tools (Maven)",
    isHere: () => jarsAreHere(paths.kafkaToolsLibs, kafkaToolsPom),
    fetch: () => copyJars(kafkaToolsPom, paths.kafkaToolsLibs),
  },
  {
    name: 'java-clients',
    what: 'the program over the Java clients, compiled (a JDK of 17 or newer)',
    isHere: () =>
      jarsAreHere(paths.kafkaLibs, kafkaPom) && isNewer(paths.javaClientClasses, filesOf(javaClientSources)),
    fetch: () => {
      if (!jarsAreHere(paths.kafkaLibs, kafkaPom)) copyJars(kafkaPom, paths.kafkaLibs)
      compileJava(filesOf(javaClientSources), paths.kafkaLibs, paths.javaClientClasses)
    },
  },
  javaFramework('kafka-streams', {
    what: 'Kafka Streams and its applications, compiled (Maven, a JDK of 17 or newer)',
    libs: paths.kafkaStreamsLibs,
    classes: paths.kafkaStreamsClasses,
  }),
  {
    name: 'kafka-connect',
    what: 'Kafka Connect with its file connectors (Maven)',
    isHere: () => jarsAreHere(paths.kafkaConnectLibs, join(frameworks, 'kafka-connect', 'pom.xml')),
    fetch: () => copyJars(join(frameworks, 'kafka-connect', 'pom.xml'), paths.kafkaConnectLibs),
  },
  javaFramework('spark', {
    what: 'Apache Spark and its queries, compiled (Maven, a JDK of 17 or newer)',
    libs: paths.sparkLibs,
    classes: paths.sparkClasses,
  }),
  {
    name: 'flink-jobs',
    what: 'Apache Flink and the jobs of its tests, compiled (Maven, a JDK of 17 or newer)',
    isHere: () =>
      jarsAreHere(paths.flinkLibs, join(flinkProject, 'pom.xml')) &&
      isNewer(paths.flinkJobClasses, javaFilesOf(join(frameworks, 'flink'))),
    fetch: () => {
      copyJars(join(flinkProject, 'pom.xml'), paths.flinkLibs)
      compileJava(javaFilesOf(join(frameworks, 'flink')), paths.flinkLibs, paths.flinkJobClasses)
    },
  },
  {
    name: 'flink',
    what: 'Apache Flink and the rival jobs, compiled (Maven, a JDK of 17 or newer)',
    isHere: () =>
      jarsAreHere(paths.flinkLibs, join(flinkProject, 'pom.xml')) &&
      isNewer(paths.flinkClasses, filesOf(join(flinkProject, 'src'))),
    fetch: () => {
      copyJars(join(flinkProject, 'pom.xml'), paths.flinkLibs)
      compileJava(filesOf(join(flinkProject, 'src')), paths.flinkLibs, paths.flinkClasses)
    },
  },
  {
    name: 'kcat',
    what: 'kcat, over librdkafka (a system package)',
    isHere: () => runs('kcat', ['-V']),
    fetch: () => {
      run('apt-get', ['update', '-qq'])
      run('apt-get', ['install', '-y', '-qq', 'kcat'])
    },
  },
  {
    name: 'confluent-python',
    what: 'confluent-kafka for Python, over librdkafka (pip)',
    isHere: () => hasPython(paths.python, pythonRequirements, 'confluent_kafka'),
    fetch: () => makePython(paths.python, pythonRequirements),
  },
  {
    name: 'python-clients',
    what: 'aiokafka and kafka-python (pip)',
    isHere: () => hasPython(paths.pythonClients, pythonClientsRequirements, 'aiokafka, kafka'),
    fetch: () => makePython(paths.pythonClients, pythonClientsRequirements),
  },
  goProgram('franz-go', {
    what: 'the program over franz-go, compiled (Go)',
    binary: paths.franzGo,
    module: join(root, 'conformance', 'clients', 'franz-go'),
  }),
  goProgram('sarama', {
    what: 'the program over sarama, compiled (Go)',
    binary: paths.sarama,
    module: join(root, 'conformance', 'clients', 'sarama'),
  }),
  goProgram('kafka-go', {
    what: "the program over Segment's kafka-go, compiled (Go)",
    binary: paths.kafkaGo,
    module: join(root, 'conformance', 'clients', 'kafka-go'),
  }),
  goProgram('many-clients', {
    what: 'the load of many clients for the benchmarks, over franz-go, compiled (Go)',
    binary: paths.manyClients,
    module: join(root, 'bench', 'load', 'many-clients'),
  }),
  {
    name: 'registry-python',
    what: "confluent-kafka for Python with its schema registry's client and serializers (pip)",
    isHere: () =>
      hasPython(paths.registryPython, registryRequirements, 'confluent_kafka.schema_registry.protobuf'),
    fetch: () => makePython(paths.registryPython, registryRequirements),
  },
  {
    name: 'registry-node',
    what: '@confluentinc/schemaregistry and @kafkajs/confluent-schema-registry (npm)',
    isHere: () =>
      existsSync(join(paths.registryNode, 'node_modules')) &&
      filesOf(registryNode).every((file) => isNewer(join(paths.registryNode, basename(file)), [file])),
    fetch: () => {
      mkdirSync(paths.registryNode, { recursive: true })
      for (const file of filesOf(registryNode)) copyFileSync(file, join(paths.registryNode, basename(file)))
      run('npm', ['install', '--silent', '--ignore-scripts', '--no-package-lock'], paths.registryNode)
    },
  },
  {
    name: 'registry-go',
    what: "the program over franz-go's client of schema registries, compiled (Go)",
    isHere: () => isNewer(paths.registryGo, filesOf(registryGo)),
    fetch: () => run('go', ['build', '-o', paths.registryGo, '.'], registryGo),
  },
]

export function witness(name: WitnessName): Witness {
  const found = witnesses.find((candidate) => candidate.name === name)
  if (found === undefined) throw new Error(`there is no witness ${name}`)
  return found
}

/** A framework with programs over it: `conformance/frameworks/NAME` holds its pom.xml and the programs' sources. */
function javaFramework(
  name: WitnessName,
  options: { readonly what: string; readonly libs: string; readonly classes: string },
): Witness {
  const folder = join(frameworks, name)
  const pom = join(folder, 'pom.xml')
  const { what, libs, classes } = options
  return {
    name,
    what,
    isHere: () => jarsAreHere(libs, pom) && isNewer(classes, javaFilesOf(folder)),
    fetch: () => {
      if (!jarsAreHere(libs, pom)) copyJars(pom, libs)
      compileJava(javaFilesOf(folder), libs, classes)
    },
  }
}

function goProgram(
  name: WitnessName,
  options: { readonly what: string; readonly binary: string; readonly module: string },
): Witness {
  const { what, binary, module } = options
  return {
    name,
    what,
    isHere: () => isNewer(binary, filesOf(module)),
    fetch: () => run('go', ['build', '-o', binary, '.'], module),
  }
}

/** A Java class path of every jar of a folder, and further entries before it. */
export function classPath(libs: string, ...before: readonly string[]): string {
  return [...before, join(libs, '*')].join(':')
}

function copyJars(pom: string, into: string): void {
  mkdirSync(into, { recursive: true })
  run('mvn', [
    '-q',
    '-B',
    '-Dstyle.color=never',
    '-f',
    pom,
    'dependency:copy-dependencies',
    `-DoutputDirectory=${into}`,
  ])
}

/** Whether a Python environment is there, made from these requirements and with this module in it. */
function hasPython(python: string, requirements: string, module: string): boolean {
  return (
    isNewer(join(dirname(dirname(python)), 'pyvenv.cfg'), [requirements]) &&
    runs(python, ['-c', `import ${module}`])
  )
}

function makePython(python: string, requirements: string): void {
  run('python3', ['-m', 'venv', '--clear', dirname(dirname(python))])
  run(python, ['-m', 'pip', 'install', '-q', '--disable-pip-version-check', '-r', requirements])
}

function compileJava(sources: readonly string[], libs: string, into: string): void {
  mkdirSync(into, { recursive: true })
  run('javac', ['-nowarn', '-Xlint:-options', '-cp', classPath(libs), '-d', into, ...sources])
}

function jarsAreHere(libs: string, pom: string): boolean {
  return existsSync(libs) && readdirSync(libs).length > 0 && statSync(pom).mtimeMs <= statSync(libs).mtimeMs
}

function isNewer(built: string, sources: readonly string[]): boolean {
  if (!existsSync(built)) return false
  const products = statSync(built).isDirectory() ? filesOf(built) : [built]
  const builtMs = Math.max(0, ...products.map((file) => statSync(file).mtimeMs))
  return products.length > 0 && sources.every((file) => statSync(file).mtimeMs <= builtMs)
}

function filesOf(folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
}

function javaFilesOf(folder: string): string[] {
  return filesOf(folder).filter((file) => file.endsWith('.java'))
}

function runs(command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
}

function run(command: string, args: readonly string[], cwd: string = root): void {
  execFileSync(command, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] })
}
