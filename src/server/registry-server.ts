import { fastify, type FastifyInstance } from 'fastify'
import { requireToken } from './access-token.ts'
import type { LazyRegistry } from './registry-request.ts'
import { registryRoutes } from './registry-routes.ts'
import { refuseForeignOrigins } from './same-origin.ts'

export interface RegistryServerOptions {
  readonly registry: LazyRegistry
  /** What requests have to show; undefined for nothing. */
  readonly httpToken: string | undefined
}

/** The registry's routes alone, at the root: what clients take for its address need not have a path. */
export async function registryServer(
  host: string,
  { registry, httpToken }: RegistryServerOptions,
): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 2_000, ignoreTrailingSlash: true },
  })
  refuseForeignOrigins(app, host)
  if (httpToken !== undefined) requireToken(app, httpToken)
  registryRoutes(app, registry)
  await app.ready()
  return app
}
