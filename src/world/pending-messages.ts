/** Keeps the messages that came before anybody listened, so that none is lost and order is kept. */
export class PendingMessages {
  #pending: unknown[] | undefined = []
  #callback: ((message: unknown) => void) | undefined

  deliver(message: unknown): void {
    if (this.#pending === undefined) this.#callback?.(message)
    else this.#pending.push(message)
  }

  /** Sets the receiver; what waits is handed over by `defer`, not inside this call. */
  receive(callback: (message: unknown) => void, defer: (action: () => void) => unknown): void {
    this.#callback = callback
    defer(() => {
      const waiting = this.#pending ?? []
      this.#pending = undefined
      for (const message of waiting) callback(message)
    })
  }
}
