/** One client's way through a SASL mechanism (RFC 4422), the server's side of it. */
export interface SaslExchange {
  /** Takes the client's next message. Not called again once it has said `succeeded` or `failed`. */
  step(message: Buffer): SaslStep | Promise<SaslStep>
}

export type SaslStep =
  | { readonly kind: 'challenge'; readonly message: Buffer }
  | {
      readonly kind: 'succeeded'
      readonly message: Buffer
      /** The name of the principal. */
      readonly user: string
      /** When what proved it ends to be valid, on the wall clock. */
      readonly expiresAtMs?: number
    }
  | SaslFailure

export interface SaslFailure {
  readonly kind: 'failed'
  /** What the client is told; the same whether there is no such user or the password is wrong. */
  readonly told: string
  /** Why it was; for the log alone. */
  readonly reason: string
  /** Whom the client claimed to be, if it came so far. */
  readonly user?: string
}

/** Begins exchanges of a mechanism. */
export interface SaslMechanism {
  begin(): SaslExchange
}

export const NOTHING = Buffer.alloc(0)
