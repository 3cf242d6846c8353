/**
 * Millrace's log alone in a process: `node log-process.ts HOST:PORT FOLDER [OPTIONS]`, where OPTIONS are further options
 * of the log as JSON: settings, or other listeners than the address. Warnings and errors go to standard error.
 * For tests and benchmarks of the log as such, without REST and jobs around it. Groups do not wait for further members
 * before their first rebalance, so that tests need not either.
 */
import { type LogOptions, startLog } from '../../src/log/broker/start-log.ts'
import { nodeWorld } from '../../src/world/node.ts'

export type LogProcessOptions = Pick<LogOptions, 'config' | 'listeners'>

const [address = '', dataPath = '', given = '{}'] = process.argv.slice(2)
const [host = '', port = ''] = address.split(':')
const { config, ...options } = JSON.parse(given) as LogProcessOptions

await using log = await startLog({
  world: nodeWorld(),
  dataPath,
  ...(options.listeners === undefined && { listen: { host, port: Number(port) } }),
  ...options,
  config: { 'group.initial.rebalance.delay.ms': 0, ...config },
  report: (level, event, fields) => {
    if (level === 'warn' || level === 'error' || process.env['LOG_PROCESS_VERBOSE'] !== undefined) {
      console.error(JSON.stringify({ level, event, ...fields }))
    }
  },
})
const stopped = new Promise((resolve) => {
  process.once('SIGINT', resolve)
  process.once('SIGTERM', resolve)
})
await Promise.race([stopped, log.ended])
