/** Who a client is, as authentication found out: Kafka's `KafkaPrincipal`. Compare by both fields, or as text. */
export interface Principal {
  /** `User` for everybody whom Millrace authenticates. */
  readonly type: string
  readonly name: string
}

/** Whoever comes over a listener that authenticates nobody. */
export const ANONYMOUS: Principal = { type: 'User', name: 'ANONYMOUS' }

/** The person of this name. */
export function user(name: string): Principal {
  return { type: 'User', name }
}

/** `User:alice`, as Kafka writes principals in ACLs and answers. */
export function principalText(principal: Principal): string {
  return `${principal.type}:${principal.name}`
}
