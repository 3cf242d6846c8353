import type { Route } from './routes.ts'

/** The APIs of consumer groups and transactions. */
export const coordinatorRoutes: readonly Route[] = []
