import type { Api } from '../protocol/api-schema.ts'
import type { Handler } from './services.ts'

/** An API that the broker serves and what answers it. */
export interface Route {
  readonly api: AnyApi
  readonly handle: AnyHandler
  /** The lowest version that ApiVersions names when it differs from what is served (Produce, KIP-896). */
  readonly advertisedFrom?: number
}

// The router passes what an API decoded to the handler registered with it: `route` ties the two types together.
type AnyApi = Api<never, never>
type AnyHandler = Handler<never, unknown>

export function route<Request, Response>(
  api: Api<Request, Response>,
  handle: Handler<Request, Response>,
  options: { readonly advertisedFrom?: number } = {},
): Route {
  return { api: api as unknown as AnyApi, handle: handle as unknown as AnyHandler, ...options }
}
