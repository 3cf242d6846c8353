import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { Json, JsonObject } from '../registry/json-text.ts'
import { ErrorCodes, RegistryError } from '../registry/registry-error.ts'
import { effectiveConfig, effectiveMode } from '../registry/settings.ts'
import { bodyOf, flag, param, pathContext, type RouteOptions, subjectOf } from './registry-request.ts'

/** Compatibility and mode: of all, of a context, of a subject. */
export function registrySettingRoutes(app: FastifyInstance, { prefix, registry }: RouteOptions): void {
  for (const path of [`${prefix}/config`, `${prefix}/config/:subject`]) {
    app.get(path, async (request): Promise<Json> => {
      const state = await (await registry()).state()
      const target = targetOf(request)
      const own = state.config(target) ?? {}
      const asDefault = target === undefined || flag(request, 'defaultToGlobal') || isContext(target)
      if (own['compatibilityLevel'] === undefined && !asDefault) {
        throw new RegistryError(
          ErrorCodes.SUBJECT_CONFIG_NOT_FOUND,
          `Subject '${target}' does not have subject-level compatibility configured`,
        )
      }
      return { ...own, compatibilityLevel: effectiveConfig(state, target).compatibilityLevel }
    })
    app.put(path, async (request): Promise<Json> => {
      return (await registry()).setConfig(targetOf(request), bodyOf(request))
    })
    app.delete(path, async (request): Promise<Json> => {
      const before = await (await registry()).deleteConfig(targetOf(request))
      return before ?? { compatibilityLevel: 'BACKWARD' }
    })
  }

  for (const path of [`${prefix}/mode`, `${prefix}/mode/:subject`]) {
    app.get(path, async (request): Promise<Json> => {
      const state = await (await registry()).state()
      const target = targetOf(request)
      const asDefault = target === undefined || flag(request, 'defaultToGlobal') || isContext(target)
      if (state.mode(target) === undefined && !asDefault) {
        throw new RegistryError(
          ErrorCodes.SUBJECT_MODE_NOT_FOUND,
          `Subject '${target}' does not have subject-level mode configured`,
        )
      }
      return { mode: effectiveMode(state, target) }
    })
    app.put(path, async (request): Promise<Json> => {
      const { mode }: JsonObject = bodyOf(request)
      const options = { mode, force: flag(request, 'force') }
      return { mode: await (await registry()).setMode(targetOf(request), options) }
    })
    app.delete(path, async (request): Promise<Json> => {
      return { mode: (await (await registry()).deleteMode(targetOf(request))) ?? 'READWRITE' }
    })
  }
}

/** The subject, the context (`:.name:`), or undefined for all. */
function targetOf(request: FastifyRequest): string | undefined {
  if (param(request, 'subject') !== undefined) {
    const subject = subjectOf(request)
    return subject === '' || subject === ':.:' ? undefined : subject
  }
  const context = pathContext(request)
  return context === undefined || context === '.' ? undefined : `:${context}:`
}

function isContext(target: string): boolean {
  return /^:\.[^:]*:$/.test(target)
}
