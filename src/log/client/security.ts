/** How a client proves itself to a cluster, and the cluster to it. */
import type { ClientTls } from '../../world/world.ts'

export type { ClientTls } from '../../world/world.ts'

export interface ClientSecurity {
  /** TLS on every connection; `true` trusts the well-known public authorities. Default: none. */
  readonly tls?: true | ClientTls
  /** Who the client is. Default: nobody, or whoever its certificate names. */
  readonly sasl?: SaslOptions
}

export type SaslOptions =
  | {
      readonly mechanism: 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512'
      readonly username: string
      readonly password: string
    }
  | {
      readonly mechanism: 'OAUTHBEARER'
      /** Gives a token each time one is needed, or says where to get one with the client-credentials grant. */
      readonly token: (() => string | Promise<string>) | ClientCredentials
      /** Sent beside the token (KIP-342). */
      readonly extensions?: Readonly<Record<string, string>>
    }

/** The client-credentials grant of OAuth 2.0 (RFC 6749, 4.4). */
export interface ClientCredentials {
  /** `https://…/token`. */
  readonly endpoint: string
  readonly clientId: string
  readonly clientSecret: string
  readonly scope?: string
  /** PEM of the authorities behind the endpoint. Default: the well-known public ones. */
  readonly ca?: string
}
