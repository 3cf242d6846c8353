/**
 * What a listener is told to be. All of it is plain data: it crosses threads, and a configuration file can hold it.
 * `listener-settings.ts` checks it and fills in what is left out.
 */

/** An address of a listener. */
export interface HostAndPort {
  readonly host: string
  readonly port: number
}

/** One address to listen on, with rules of its own. Without `tls` and `sasl` it is open to everybody who reaches it. */
export interface ListenerOptions {
  /** Unique; shown in reports. Default: Kafka's name of what it speaks: PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL. */
  readonly name?: string
  readonly host: string
  /** 0 takes a free one. */
  readonly port: number
  /** Where its clients are told to connect; by default where it listens. */
  readonly advertised?: HostAndPort
  /** Without it, bytes cross the network as they are. */
  readonly tls?: ListenerTlsOptions
  /** Without it, clients are who their certificate says, or `User:ANONYMOUS`. */
  readonly sasl?: ListenerSaslOptions
}

export interface ListenerTlsOptions {
  /** The certificate followed by its chain: PEM, or the path of a PEM file. */
  readonly certificate: string
  /** Its key: PEM, or the path of a PEM file. */
  readonly key: string
  /** Of the key, when it is encrypted. */
  readonly passphrase?: string
  /** Whether clients have to show a certificate: Kafka's `ssl.client.auth`. Default `none`. */
  readonly clientAuth?: 'none' | 'requested' | 'required'
  /** Who may sign clients' certificates: PEM, or the path of a PEM file. Needed unless `clientAuth` is `none`. */
  readonly clientCa?: string
  /**
   * How a certificate's distinguished name becomes a principal's name: Kafka's `ssl.principal.mapping.rules`, such as
   * `RULE:^CN=([^,]+),.*$/$1/L`; the first that fits holds. Default: `DEFAULT`, the whole name.
   */
  readonly principalRules?: readonly string[]
  /** Default TLSv1.2. */
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3'
  /** How long a handshake may take, in ms. Default 10,000. */
  readonly handshakeTimeoutMs?: number
  /** Handshakes at the same time; further connections are closed at once. Default 1,000. */
  readonly handshakesMax?: number
  /** How often the files are looked at for a new certificate, in ms; 0 never does. Default 10,000. */
  readonly reloadIntervalMs?: number
}

/** The SASL mechanisms that Millrace has. */
export type SaslMechanismName = 'PLAIN' | 'SCRAM-SHA-256' | 'SCRAM-SHA-512' | 'OAUTHBEARER'

export interface ListenerSaslOptions {
  /** What clients may choose from. */
  readonly mechanisms: readonly SaslMechanismName[]
  /**
   * Passwords by user. They hold for PLAIN, and for SCRAM where nobody has given the user a SCRAM password by
   * administration: that is how the first administrator comes in.
   */
  readonly users?: Readonly<Record<string, string>>
  /** Needed for OAUTHBEARER. */
  readonly oauthBearer?: OAuthBearerOptions
}

export interface OAuthBearerOptions {
  /** The keys that sign tokens: a path, or an http(s) URL, of a JSON Web Key Set (RFC 7517). */
  readonly jwks?: string
  /** PEM, or the path of a PEM file, that proves the JWKS server's certificate; default: the public authorities. */
  readonly jwksCa?: string
  /** How long the keys are used before they are fetched again, in ms. Default one hour, as in Kafka. */
  readonly jwksRefreshMs?: number
  /** What a token's `iss` has to be; by default it may be anything. */
  readonly issuer?: string
  /** One of them has to be in a token's `aud`; by default it may be anything. */
  readonly audience?: readonly string[]
  /** Scopes that a token has to have, all of them. */
  readonly requiredScope?: readonly string[]
  /** The claim that names the principal. Default `sub`. */
  readonly principalClaim?: string
  /** The claim that holds the scopes. Default `scope`. */
  readonly scopeClaim?: string
  /** How far clocks may be apart, in ms. Default 30,000, as in Kafka. */
  readonly clockSkewMs?: number
  /** Takes tokens that nobody has signed, for trying things out: everybody is whom they claim to be. Default false. */
  readonly allowUnsecured?: boolean
}

/** The name of the listener that only this process's own clients come over. */
export const INTERNAL_LISTENER = 'internal'
