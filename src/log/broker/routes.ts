import type { AnyApi, Api } from '../protocol/api-schema.ts'
import type { Handler } from './services.ts'

/** An API that the broker serves and what answers it. */
export interface Route {
  readonly api: AnyApi
  readonly handle: Handler<never, unknown>
  /**
   * Lets go of what an answer holds, once it has been encoded. A request that waited long has a promise that is old by
   * then, and what is old keeps alive all that it points to, dead or not, until the next collection of the whole heap.
   */
  readonly release?: ((response: never) => void) | undefined
}

/** Ties an API to its handler: the router passes the one's requests to the other, so their types are checked here. */
export function route<Request, Response, RequestInput, ResponseInput>(
  api: Api<Request, Response, RequestInput, ResponseInput>,
  handle: Handler<Request, ResponseInput>,
  release?: (response: ResponseInput) => void,
): Route {
  return { api, handle, release }
}
