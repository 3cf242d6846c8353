import { WATERMARK_END, WATERMARK_START } from '../operators/operator.ts'

interface Input {
  watermarkMs: number
  idle: boolean
}

/**
 * The watermark of a step with several inputs (a union, the subtasks before an exchange): the least of them, idle and
 * ended ones left out; the largest of the idle ones while there are no others; `WATERMARK_END` once all have ended.
 * Never decreases.
 */
export class WatermarkMerge {
  readonly #inputs: readonly Input[]
  #merged: number = WATERMARK_START

  constructor(inputs: number) {
    this.#inputs = Array.from({ length: inputs }, () => ({ watermarkMs: WATERMARK_START, idle: false }))
  }

  /** An input's watermark; an input that was idle is active again. Returns the merged one when it advanced. */
  update(input: number, watermarkMs: number): number | undefined {
    const held = this.#inputs[input]!
    held.idle = false
    held.watermarkMs = Math.max(held.watermarkMs, watermarkMs)
    return this.#advance()
  }

  /** The input has nothing to say for now. Returns the merged watermark when it advanced. */
  markIdle(input: number): number | undefined {
    this.#inputs[input]!.idle = true
    return this.#advance()
  }

  /** The input has ended (the same as `update` with `WATERMARK_END`). Returns the merged watermark when it advanced. */
  end(input: number): number | undefined {
    return this.update(input, WATERMARK_END)
  }

  get watermarkMs(): number {
    return this.#merged
  }

  /** True while no input is active, but not all have ended: the step should hold nobody behind it back. */
  get idle(): boolean {
    return this.#inputs.every((input) => input.idle || hasEnded(input)) && !this.#inputs.every(hasEnded)
  }

  /** The inputs that others wait for. */
  holdingBack(): number[] {
    const active = [...this.#inputs.keys()].filter((n) => isActive(this.#inputs[n]!))
    const least = Math.min(...active.map((n) => this.#inputs[n]!.watermarkMs))
    const uneven = this.#inputs.some((input) => input.watermarkMs > least)
    return uneven ? active.filter((n) => this.#inputs[n]!.watermarkMs === least) : []
  }

  #advance(): number | undefined {
    const merged = this.#current()
    if (merged <= this.#merged) return undefined
    this.#merged = merged
    return merged
  }

  #current(): number {
    let least = Infinity
    let most = -Infinity
    for (const input of this.#inputs) {
      if (isActive(input)) least = Math.min(least, input.watermarkMs)
      else if (!hasEnded(input)) most = Math.max(most, input.watermarkMs)
    }
    if (least !== Infinity) return least
    return most === -Infinity ? WATERMARK_END : most
  }
}

function hasEnded(input: Input): boolean {
  return input.watermarkMs >= WATERMARK_END
}

function isActive(input: Input): boolean {
  return !input.idle && !hasEnded(input)
}
