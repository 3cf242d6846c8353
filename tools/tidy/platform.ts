/** Only `src/world` may touch the platform; what is exempt says why. */
import { importsOf } from './imports.ts'
import { isTest, lineOf } from './repository.ts'
import type { Repository } from './repository.ts'

/** What code under `src` may reach only through the world, by the name that the exemptions use. */
const CALLS: Readonly<Record<string, RegExp>> = {
  clock:
    /\bDate\.now\b|\bnew Date\(\s*\)|\bperformance\.(?:now|timeOrigin)\b|\bprocess\.(?:hrtime|uptime)\b/g,
  timers: /(?<![.#\w])(?:setTimeout|setInterval|setImmediate)\b|\bAbortSignal\.timeout\b/g,
  randomness: /\bMath\.random\b|\b(?:randomUUID|randomBytes|randomInt|getRandomValues)\b/g,
  process:
    /(?<![.#\w])process\.(?:argv|env|exit|exitCode|std(?:in|out|err)|pid|cwd|on|once|off|kill|memoryUsage|cpuUsage|resourceUsage|nextTick|emitWarning|platform|arch|version|versions|getBuiltinModule|exec\w+|title)\b/g,
  network: /(?<![.#\w])(?:fetch|WebSocket)\s*\(/g,
}

/** Node modules that are pure computation; all others belong to the world. */
const PURE_MODULES = new Set([
  'assert',
  'assert/strict',
  'buffer',
  'crypto',
  'events',
  'path',
  'path/posix',
  'url',
  'util',
  'v8',
  'zlib',
])

interface Exemption {
  readonly path: string
  /** Names of `CALLS`, or modules. */
  readonly may: readonly string[]
  readonly because: string
}

export const EXEMPTIONS: readonly Exemption[] = [
  {
    path: 'src/cli/',
    may: [
      'process',
      'clock',
      'timers',
      'network',
      'node:fs',
      'node:module',
      'node:tty',
      'node:readline',
      'node:readline/promises',
      'node:os',
    ],
    because: 'a command is a process: arguments, signals, terminal, exit code, requests to other processes',
  },
  {
    path: 'src/server/start-server.ts',
    may: ['node:net'],
    because: 'HTTP is listened for before its server is loaded, and Fastify listens on sockets only',
  },
  {
    path: 'src/log/protocol/compression.ts',
    may: ['node:module'],
    because: 'native codecs are loaded by the first batch that needs them, not by every start',
  },
  {
    path: 'src/testing/',
    may: ['timers'],
    because: 'virtual time moves on only after a real turn of the event loop, in which promises settle',
  },
]

export function platformFindings(repository: Repository): string[] {
  const findings: string[] = []
  for (const file of repository.sources) {
    if (!file.path.startsWith('src/') || file.path.startsWith('src/world/') || isTest(file.path)) continue
    const may = EXEMPTIONS.filter((exemption) => file.path.startsWith(exemption.path)).flatMap(
      ({ may }) => may,
    )
    for (const [name, pattern] of Object.entries(CALLS)) {
      if (may.includes(name)) continue
      for (const match of file.code.matchAll(pattern)) {
        findings.push(
          `${file.path}:${lineOf(file.code, match.index)}: ${match[0]} is the platform's (${name}); use the world`,
        )
      }
    }
    for (const { specifier, typeOnly } of importsOf(file)) {
      if (!specifier.startsWith('node:') || typeOnly || may.includes(specifier)) continue
      if (!PURE_MODULES.has(specifier.slice('node:'.length))) {
        findings.push(`${file.path}: imports ${specifier}; only src/world may`)
      }
    }
  }
  return findings
}
