import type { Handles, StateDescriptor, StateShape } from './handles.ts'
import { aggregatingHandle, listHandle, mapHandle, reducingHandle, valueHandle } from './handle-tables.ts'
import type { KeyedStateBackend } from './keyed-state-backend.ts'

/** Makes the handles that a step declared, and registers their tables with the backend. */
export function createHandles<S extends StateShape>(
  shape: S,
  context: { readonly backend: KeyedStateBackend; readonly nowMs: () => number },
): Handles<S> {
  const handles = Object.entries(shape).map(([name, descriptor]) => [
    name,
    createHandle(name, descriptor, context),
  ])
  return Object.fromEntries(handles) as Handles<S>
}

function createHandle(
  name: string,
  descriptor: StateDescriptor,
  context: { readonly backend: KeyedStateBackend; readonly nowMs: () => number },
): unknown {
  const { backend, nowMs } = context
  const ttl = {
    ...(descriptor.ttlMs === undefined ? {} : { ttlMs: descriptor.ttlMs }),
    ...(descriptor.ttlRefresh === undefined ? {} : { ttlRefresh: descriptor.ttlRefresh }),
  }
  const options = (
    format: string,
  ): { name: string; format: string; backend: KeyedStateBackend; nowMs: () => number } => ({
    name,
    format,
    backend,
    nowMs,
    ...ttl,
  })
  switch (descriptor.kind) {
    case 'value':
      return valueHandle(options('value/1'))
    case 'list':
      return listHandle(options('list/1'))
    case 'map':
      return mapHandle(options('map/1'))
    case 'reducing':
      return reducingHandle(options('reducing/1'), descriptor.reduce)
    case 'aggregating':
      return aggregatingHandle(options(`aggregating/1 ${descriptor.aggregator.kind}`), descriptor.aggregator)
  }
}
