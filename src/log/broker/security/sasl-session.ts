/**
 * SASL on one connection (KIP-12, KIP-43, KIP-152, KIP-368): until a client has proved who it is, it may ask for
 * ApiVersions, choose a mechanism and exchange that mechanism's messages, and nothing else.
 *
 *     unknown ──SaslHandshake──▶ exchanging ──SaslAuthenticate…──▶ authenticated ──SaslHandshake──▶ exchanging …
 *        │                           │
 *        └─────────── failed ◀───────┘    answered late, to slow guessing down; then the connection is closed
 *
 * After SaslHandshake version 0 the messages come as bare frames without Kafka's header (as before KIP-152). Where
 * sessions have a lifetime, the client authenticates again on the same connection, as the same principal and with the same
 * mechanism; a request after the end of its lifetime closes the connection.
 */
import { sleep, type Clock, type Timer } from '../../../world/world.ts'
import type { SaslAuthenticateResponseInput } from '../../protocol/apis/sasl-authenticate.ts'
import type { SaslHandshakeResponseInput } from '../../protocol/apis/sasl-handshake.ts'
import { ErrorCode } from '../../protocol/error-code.ts'
import { type Principal, principalText } from './principal.ts'
import { NOTHING, type SaslExchange, type SaslFailure, type SaslMechanism } from './sasl-exchange.ts'

/** The connection, as far as authentication is concerned. */
export interface SaslClient {
  principal: Principal
  /** Says that the client may send requests of full size from now on. */
  authenticated(): void
  /** Closes once what is in work has been answered. */
  end(): void
  /** Closes at once, and says why. */
  reject(reason: string): void
  onClose(callback: () => void): () => void
}

/** What is the same for all connections of a listener. */
export interface SaslRules {
  readonly clock: Clock
  /** By their names, in the order in which they are told to clients. */
  readonly mechanisms: ReadonlyMap<string, SaslMechanism>
  readonly principalOf: (user: string) => Principal
  /** The longest session; 0 for as long as the connection lasts. */
  readonly sessionLifetimeMs: number
  /** How late a failure is answered. */
  readonly failureDelayMs: number
  /** How long a client may take to authenticate after it has connected. */
  readonly timeoutMs: number
  readonly audit: SaslAudit
}

export interface SaslAudit {
  succeeded(client: SaslClient, how: { readonly mechanism: string; readonly again: boolean }): void
  failed(
    client: SaslClient,
    how: { readonly mechanism?: string; readonly user?: string; readonly reason: string },
  ): void
}

type State =
  | { readonly kind: 'unknown' }
  | {
      readonly kind: 'exchanging'
      readonly mechanism: string
      readonly exchange: SaslExchange
      /** Whether messages come without Kafka's header. */
      readonly bare: boolean
      /** Who authenticates again. */
      readonly again: Principal | undefined
      /** A message is being looked at; a client waits for the answer before it sends another. */
      stepping: boolean
    }
  | { readonly kind: 'authenticated'; readonly mechanism: string; readonly endsMs: number }
  | { readonly kind: 'failed' }

const SASL_HANDSHAKE = 17
const API_VERSIONS = 18
const SASL_AUTHENTICATE = 36

export class SaslSession {
  readonly #client: SaslClient
  readonly #rules: SaslRules
  readonly #timer: Timer
  #state: State = { kind: 'unknown' }

  constructor(client: SaslClient, rules: SaslRules) {
    this.#client = client
    this.#rules = rules
    this.#timer = rules.clock.schedule(rules.timeoutMs, () => {
      if (this.#state.kind === 'authenticated') return
      client.reject(`it did not authenticate within ${rules.timeoutMs} ms`)
    })
    client.onClose(() => this.#timer.cancel())
  }

  /** Why a request may not come now, when it may not. */
  refusal(api: { readonly key: number; readonly name: string }): string | undefined {
    const state = this.#state
    switch (state.kind) {
      case 'authenticated':
        if (state.endsMs === Infinity || this.#rules.clock.monotonicMs() < state.endsMs) return undefined
        if (api.key === SASL_HANDSHAKE) return undefined
        return `${api.name} after the end of its session: it did not authenticate again in time`
      case 'unknown':
        if (api.key === API_VERSIONS || api.key === SASL_HANDSHAKE) return undefined
        return `${api.name} before it has authenticated`
      case 'exchanging':
        if (api.key === SASL_AUTHENTICATE && !state.stepping) return undefined
        return `${api.name} in the middle of authenticating`
      case 'failed':
        return `${api.name} after its authentication has failed`
    }
  }

  /** Whether the client has proved who it is, also while it does so again. */
  get isAuthenticated(): boolean {
    const state = this.#state
    return state.kind === 'authenticated' || (state.kind === 'exchanging' && state.again !== undefined)
  }

  /** Whether the next frame is a bare message of a mechanism. */
  get expectsBareMessage(): boolean {
    return this.#state.kind === 'exchanging' && this.#state.bare
  }

  /** SaslHandshake. */
  async handshake(mechanism: string, version: number): Promise<SaslHandshakeResponseInput> {
    const state = this.#state
    const mechanisms = [...this.#rules.mechanisms.keys()]
    const mayAgain = state.kind === 'authenticated' && state.endsMs < Infinity
    if (state.kind !== 'unknown' && !mayAgain)
      return { errorCode: ErrorCode.ILLEGAL_SASL_STATE, mechanisms: [] }
    const chosen = this.#rules.mechanisms.get(mechanism)
    if (chosen === undefined || (mayAgain && mechanism !== state.mechanism)) {
      const reason = chosen === undefined ? 'the mechanism is not offered' : 'another mechanism than before'
      await this.#fail({ kind: 'failed', told: '', reason }, mechanism)
      return { errorCode: ErrorCode.UNSUPPORTED_SASL_MECHANISM, mechanisms }
    }
    this.#state = {
      kind: 'exchanging',
      mechanism,
      exchange: chosen.begin(),
      bare: version === 0,
      again: mayAgain ? this.#client.principal : undefined,
      stepping: false,
    }
    return { errorCode: ErrorCode.NONE, mechanisms }
  }

  /** SaslAuthenticate. */
  async authenticate(message: Buffer): Promise<SaslAuthenticateResponseInput> {
    const state = this.#state
    if (state.kind !== 'exchanging') {
      const errorMessage = 'SaslAuthenticate request received after successful authentication'
      return { errorCode: ErrorCode.ILLEGAL_SASL_STATE, errorMessage, authBytes: NOTHING }
    }
    const { mechanism, again } = state
    state.stepping = true
    const step = await state.exchange.step(message)
    state.stepping = false
    switch (step.kind) {
      case 'challenge':
        return { errorCode: ErrorCode.NONE, errorMessage: '', authBytes: step.message }
      case 'failed':
        return this.#refused(step, mechanism)
      case 'succeeded': {
        const principal = this.#rules.principalOf(step.user)
        if (again !== undefined && principalText(again) !== principalText(principal)) {
          const told = `Cannot change principals during re-authentication from ${principalText(again)}: ${principalText(principal)}`
          return this.#refused(
            { kind: 'failed', told, reason: 'another principal than before', user: step.user },
            mechanism,
          )
        }
        const sessionLifetimeMs = this.#begin(principal, mechanism, step.expiresAtMs)
        this.#rules.audit.succeeded(this.#client, { mechanism, again: again !== undefined })
        return {
          errorCode: ErrorCode.NONE,
          errorMessage: '',
          authBytes: step.message,
          sessionLifetimeMs,
        }
      }
    }
  }

  /** A bare message; undefined when the connection is to be closed instead of an answer. */
  async bareMessage(message: Buffer): Promise<Buffer | undefined> {
    if (this.#state.kind === 'exchanging' && this.#state.stepping) return undefined
    const { errorCode, authBytes } = await this.authenticate(message)
    return errorCode === ErrorCode.NONE ? (authBytes as Buffer) : undefined
  }

  /** Gives the lifetime that the client is told: 0 when there is none. */
  #begin(principal: Principal, mechanism: string, expiresAtMs: number | undefined): number {
    const { clock, sessionLifetimeMs } = this.#rules
    const lifetimes = [
      ...(sessionLifetimeMs > 0 ? [sessionLifetimeMs] : []),
      ...(expiresAtMs === undefined ? [] : [Math.max(0, expiresAtMs - clock.nowMs())]),
    ]
    const lifetimeMs = Math.min(...lifetimes)
    this.#state = { kind: 'authenticated', mechanism, endsMs: clock.monotonicMs() + lifetimeMs }
    this.#timer.cancel()
    this.#client.principal = principal
    this.#client.authenticated()
    return lifetimeMs === Infinity ? 0 : lifetimeMs
  }

  async #refused(failure: SaslFailure, mechanism: string): Promise<SaslAuthenticateResponseInput> {
    await this.#fail(failure, mechanism)
    return {
      errorCode: ErrorCode.SASL_AUTHENTICATION_FAILED,
      errorMessage: failure.told,
      authBytes: NOTHING,
    }
  }

  async #fail({ user, reason }: SaslFailure, mechanism: string): Promise<void> {
    this.#state = { kind: 'failed' }
    this.#rules.audit.failed(this.#client, { mechanism, reason, ...(user !== undefined && { user }) })
    await sleep(this.#rules.clock, this.#rules.failureDelayMs)
    this.#client.end()
  }
}
