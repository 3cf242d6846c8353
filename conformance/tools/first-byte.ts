import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** Kafka's ApiVersions request, version 0, correlation id 1, null client id, in its length-prefixed frame. */
const apiVersionsFrame = Buffer.from([0, 0, 0, 10, 0, 18, 0, 0, 0, 0, 0, 1, 0xff, 0xff])

/**
 * Waits until a Kafka server at `address` (host:port) answers ApiVersions without an error.
 * @param options.timeoutMs how long to try; then it throws. Default 60,000.
 * @param options.pollMs the pause between two tries. Default 5.
 */
export async function firstByteServed(
  address: string,
  options: {
    readonly timeoutMs?: number
    readonly pollMs?: number
    readonly gaveUp?: () => string | undefined
  } = {},
): Promise<void> {
  const deadlineMs = performance.now() + (options.timeoutMs ?? 60_000)
  while (!(await answersApiVersions(address))) {
    const reason = options.gaveUp?.()
    if (reason !== undefined) throw new Error(`the server at ${address} ended before it served: ${reason}`)
    if (performance.now() > deadlineMs) throw new Error(`nothing at ${address} answered ApiVersions in time`)
    await sleep(options.pollMs ?? 5)
  }
}

function answersApiVersions(address: string): Promise<boolean> {
  const [host = '127.0.0.1', port] = address.split(':')
  return new Promise((resolve) => {
    const socket = connect(Number(port), host)
    const chunks: Buffer[] = []
    const end = (answer: boolean): void => {
      socket.destroy()
      resolve(answer)
    }
    socket.setTimeout(5_000, () => end(false))
    socket.on('error', () => end(false))
    socket.on('close', () => resolve(false))
    socket.on('connect', () => socket.write(apiVersionsFrame))
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      const answer = Buffer.concat(chunks)
      if (answer.length >= 10) end(answer.readInt32BE(4) === 1 && answer.readInt16BE(8) === 0)
    })
  })
}
