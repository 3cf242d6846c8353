import { fastify, type FastifyInstance } from 'fastify'
import type { LazyRegistry } from './registry-request.ts'
import { registryRoutes } from './registry-routes.ts'
import { refuseForeignOrigins } from './same-origin.ts'

/** The registry's routes alone, at the root: what clients take for its address need not have a path. */
export async function registryServer(host: string, registry: LazyRegistry): Promise<FastifyInstance> {
  const app = fastify({
    logger: false,
    forceCloseConnections: true,
    routerOptions: { maxParamLength: 2_000, ignoreTrailingSlash: true },
  })
  refuseForeignOrigins(app, host)
  registryRoutes(app, registry)
  await app.ready()
  return app
}
