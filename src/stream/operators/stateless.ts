import { fuse, type FusedChain, type KeySelector, type StatelessOperation } from './fuse.ts'
import type { EventBatch, Operator, OperatorContext } from './operator.ts'

/* eslint-disable @typescript-eslint/no-explicit-any -- the builder has checked the types. */
export interface StatelessDescription {
  readonly operations: readonly StatelessOperation[]
  readonly keyBy?: { readonly step: string; readonly key: KeySelector }
}

/** A fused chain of stateless steps; see `fuse.ts`. Counts what its filters drop as `filtered`. */
export class StatelessOperator implements Operator<any, any> {
  readonly #description: StatelessDescription
  #context!: OperatorContext<any>
  #chain!: FusedChain

  constructor(description: StatelessDescription) {
    this.#description = description
  }

  open(context: OperatorContext<any>): void {
    this.#context = context
    this.#chain = fuse({ job: context.job, ...this.#description })
  }

  processBatch(batch: EventBatch<any>): void {
    const result = this.#chain.run(batch)
    if (result.filtered > 0) this.#context.metrics.count('filtered', result.filtered)
    if (result.values.length > 0) this.#context.output.emitBatch(result)
  }

  onWatermark(watermarkMs: number): void {
    this.#context.output.watermark(watermarkMs)
  }
}
