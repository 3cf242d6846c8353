import type { AnyApi, Api } from '../protocol/api-schema.ts'
import type { Handler } from './services.ts'

/** An API that the broker serves and what answers it. */
export interface Route {
  readonly api: AnyApi
  readonly handle: Handler<never, unknown>
}

/** Ties an API to its handler: the router passes the one's requests to the other, so their types are checked here. */
export function route<Request, Response, RequestInput, ResponseInput>(
  api: Api<Request, Response, RequestInput, ResponseInput>,
  handle: Handler<Request, ResponseInput>,
): Route {
  return { api, handle }
}
