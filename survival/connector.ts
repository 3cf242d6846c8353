/**
 * Connects and goes away as fast as it can, in every way: `node connector.ts PORT SECONDS`. Says how often it did. From many
 * addresses of this machine, so that ports do not run out.
 */
import { connect } from 'node:net'

const [port, seconds] = process.argv.slice(2).map(Number) as [number, number]
const LANES = 64
const HALF_A_REQUEST = Buffer.from([0, 0, 1, 0, 0, 3])

const untilMs = performance.now() + seconds * 1_000
let made = 0

/** Resolves when the connection is gone. */
function comeAndGo(lane: number): Promise<void> {
  return new Promise((resolve) => {
    const localAddress = `127.0.${1 + (process.pid % 200)}.${1 + lane}`
    const socket = connect({ host: '127.0.0.1', port, localAddress }, () => {
      made++
      if (lane % 3 === 0) socket.write(HALF_A_REQUEST)
      if (lane % 8 === 0) socket.destroy()
      else socket.resetAndDestroy()
    })
    socket.on('error', () => undefined)
    socket.on('close', () => resolve())
  })
}

await Promise.all(
  Array.from({ length: LANES }, async (_, lane) => {
    while (performance.now() < untilMs) await comeAndGo(lane)
  }),
)
process.send?.(made)
process.disconnect?.()
