/** `millrace/testing`: jobs and operators under virtual time, in any test runner. */
export { testJob, type JobTest, type TestJobOptions } from './test-job.ts'
export { goldenJob, type GoldenJobOptions } from './golden-job.ts'
export { expectSameWithSnapshots, type SameWithSnapshotsOptions } from './expect-same-with-snapshots.ts'
export { advanceTime, event, OperatorHarness, watermark } from './operator-harness.ts'
export type { OperatorHarnessOptions, ScriptStep } from './operator-harness.ts'
