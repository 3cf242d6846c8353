import type { Report } from '../base/report.ts'
import type { LogClient } from '../log/client/log-client.ts'
import type { SchemaRegistry } from '../registry/schema-registry.ts'
import type { LazyRegistry } from './registry-request.ts'
import type { RegistryServerOptions } from './registry-server.ts'
import { type RunningServer, startHttp } from './start-server.ts'

export interface OpenableRegistry extends AsyncDisposable {
  readonly open: LazyRegistry
}

/** One registry for all that serve it, loaded when it is first asked for. */
export function lazyRegistry(client: LogClient, report: Report): OpenableRegistry {
  let opened: Promise<SchemaRegistry> | undefined
  return {
    open: () =>
      (opened ??= import('../registry/schema-registry.ts').then(
        (module) => new module.SchemaRegistry(client, report),
      )),
    async [Symbol.asyncDispose]() {
      await (await opened)?.close()
    },
  }
}

/** Serves the registry at the root of an address of its own. Throws `MR_ADDRESS_IN_USE` or `MR_LISTEN_FAILED`. */
export function startRegistry(
  listen: { readonly host: string; readonly port: number },
  options: RegistryServerOptions,
): Promise<RunningServer> {
  return startHttp({
    listen,
    load: async () => (await import('./registry-server.ts')).registryServer(listen.host, options),
  })
}
