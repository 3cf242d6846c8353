import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net'

/** Stands between clients and a server, and cuts every connection after some bytes, when it is told to. */
export class CuttingProxy implements Disposable {
  cuts = 0
  /** How many bytes a connection may carry in one direction; Infinity cuts none. */
  budgetBytes = Infinity
  /** Which part of it every second connection may carry of answers: with less than all of it they are cut among those. */
  answersShare = 1
  /** Whether connections are refused: the server is away. */
  away = false
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #target = 0
  #turn = 0

  private constructor() {
    this.#server = createServer((near) => this.#serve(near))
  }

  static async listen(): Promise<CuttingProxy> {
    const proxy = new CuttingProxy()
    await new Promise<void>((resolve) => proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  connectTo(port: number): void {
    this.#target = port
  }

  /** Cuts all connections, and takes no others until it is back. */
  goAway(): void {
    this.away = true
    for (const socket of this.#sockets) socket.destroy()
  }

  comeBack(): void {
    this.away = false
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
  }

  #serve(near: Socket): void {
    if (this.away) {
      near.destroy()
      return
    }
    const far = connect(this.#target, '127.0.0.1')
    const cutsAnswers = this.#turn++ % 2 === 0
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      let carried = 0
      this.#sockets.add(from)
      from.on('error', () => undefined)
      from.on('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
      from.on('data', (chunk: Buffer) => {
        carried += chunk.length
        const share = cutsAnswers && from === far ? this.answersShare : 1
        if (carried > share * this.budgetBytes) {
          this.cuts++
          near.destroy()
          far.destroy()
        } else if (!to.write(chunk)) {
          from.pause()
          to.once('drain', () => from.resume())
        }
      })
    }
  }
}
