/** For configuration files in TypeScript: `export default defineConfig({ … })`. Loads nothing else of Millrace. */
import type { MillraceConfig } from './settings.ts'

export type { ListenerConfig, MillraceConfig } from './settings.ts'

/** Gives a configuration back as it is: what it adds are types, and the editor's help with them. */
export function defineConfig(config: MillraceConfig): MillraceConfig {
  return config
}
