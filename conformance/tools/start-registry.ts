/** Starts Millrace as a user does, with a schema registry, in a process of its own. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { join } from 'node:path'
import { endProcess } from './end-process.ts'
import { repositoryRoot } from './paths.ts'

export interface RunningRegistry extends AsyncDisposable {
  /** Of the registry: at the root of its own address. */
  readonly url: string
  /** Of the registry below the address of REST. */
  readonly urlBelowRest: string
  /** `host:port` of the log. */
  readonly address: string
  /** As a power cut does it: nothing is said to the process. */
  kill(): Promise<void>
}

/** @param folder holds the data; what an earlier process left there is served again. */
export async function startRegistry(folder: string): Promise<RunningRegistry> {
  const any = '127.0.0.1:0'
  const server = spawn(
    process.execPath,
    [
      '--conditions=millrace-source',
      join(repositoryRoot, 'src', 'cli', 'bin.ts'),
      ...['start', '--no-config', '--listen', any, '--http', any, '--schema-registry', any],
      ...['--data', folder],
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const line = await firstLine(server)
  const found = /clients on (\S+), status page on (\S+), schema registry on (\S+),/.exec(line)
  if (found === null) {
    await endProcess(server)
    throw new Error(`Millrace did not say where it is: ${line}`)
  }
  const [, address, rest, url] = found
  return {
    address: address!,
    url: url!,
    urlBelowRest: `${rest}/registry`,
    async kill() {
      const gone = once(server, 'exit')
      server.kill('SIGKILL')
      await gone
    },
    [Symbol.asyncDispose]: () => endProcess(server),
  }
}

async function firstLine(server: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: server.stdout! })) {
    server.stdout!.resume()
    return line
  }
  return 'it ended'
}
