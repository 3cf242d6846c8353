/** Where the foreign clients, servers and tools lie once fetched: everything under the git-ignored `.cache/`. */
import { join } from 'node:path'

export const repositoryRoot = join(import.meta.dirname, '..', '..')
export const cacheRoot = join(repositoryRoot, '.cache')

export const paths = {
  kafkaLibs: join(cacheRoot, 'kafka', 'libs'),
  kafkaToolsLibs: join(cacheRoot, 'kafka-tools', 'libs'),
  flinkLibs: join(cacheRoot, 'flink', 'libs'),
  flinkClasses: join(cacheRoot, 'flink', 'classes'),
  flinkJobClasses: join(cacheRoot, 'flink-jobs', 'classes'),
  kafkaStreamsLibs: join(cacheRoot, 'kafka-streams', 'libs'),
  kafkaStreamsClasses: join(cacheRoot, 'kafka-streams', 'classes'),
  kafkaConnectLibs: join(cacheRoot, 'kafka-connect', 'libs'),
  sparkLibs: join(cacheRoot, 'spark', 'libs'),
  sparkClasses: join(cacheRoot, 'spark', 'classes'),
  javaClientClasses: join(cacheRoot, 'java-clients', 'classes'),
  python: join(cacheRoot, 'python', 'bin', 'python3'),
  registryPython: join(cacheRoot, 'registry-python', 'bin', 'python3'),
  registryNode: join(cacheRoot, 'registry-node'),
  registryGo: join(cacheRoot, 'registry-go', 'client'),
  pythonClients: join(cacheRoot, 'python-clients', 'bin', 'python3'),
  franzGo: join(cacheRoot, 'franz-go', 'client'),
  sarama: join(cacheRoot, 'sarama', 'client'),
  kafkaGo: join(cacheRoot, 'kafka-go', 'client'),
  manyClients: join(cacheRoot, 'many-clients', 'many-clients'),
} as const
