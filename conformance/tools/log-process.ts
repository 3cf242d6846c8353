/**
 * Millrace's log alone in a process: `node log-process.ts HOST:PORT FOLDER`. Warnings and errors go to standard error.
 * For tests and benchmarks of the log as such, without REST and jobs around it. Groups do not wait for further members
 * before their first rebalance, so that tests need not either.
 */
import { startLog } from '../../src/log/broker/start-log.ts'
import { nodeWorld } from '../../src/world/node.ts'

const [address = '', dataPath = ''] = process.argv.slice(2)
const [host = '', port = ''] = address.split(':')

await using log = await startLog({
  world: nodeWorld(),
  dataPath,
  listen: { host, port: Number(port) },
  config: { 'group.initial.rebalance.delay.ms': 0 },
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
