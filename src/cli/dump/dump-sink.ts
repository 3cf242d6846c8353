/** One thing that a file holds, as plain data. */
export type DumpLine = {
  /** What it is: a batch, a record, an index entry, a producer … */
  readonly kind: string
} & Readonly<Record<string, unknown>>

/** Where what is found goes, and what is wrong with it. */
export interface DumpSink {
  line(line: DumpLine): void
  /** Something is not as it has to be; `at` is a byte position or an entry. */
  problem(at: string, what: string): void
}
