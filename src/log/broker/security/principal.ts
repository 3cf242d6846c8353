/** Who a client is, as authentication found out: Kafka's `KafkaPrincipal`. Compare by both fields, or as text. */
export interface Principal {
  /** `User` for everybody who comes from outside. */
  readonly type: string
  readonly name: string
}

/** Whoever comes over a listener that authenticates nobody. */
export const ANONYMOUS: Principal = { type: 'User', name: 'ANONYMOUS' }

/**
 * Millrace's own clients in the process that runs the log: REST, status page, jobs. It may do everything, and is of a
 * type that no client can authenticate as.
 */
export const INTERNAL: Principal = { type: 'Millrace', name: 'internal' }

/** The person of this name. */
export function user(name: string): Principal {
  return { type: 'User', name }
}

/** `User:alice`, as Kafka writes principals in ACLs and answers. */
export function principalText(principal: Principal): string {
  return `${principal.type}:${principal.name}`
}
