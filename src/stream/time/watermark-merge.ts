import { WATERMARK_END, WATERMARK_START } from '../operators/operator.ts'

/**
 * The watermark of a step with several inputs (a union, the subtasks before an exchange): the least of them, idle ones
 * left out; the largest while all are idle. Never decreases.
 */
export class WatermarkMerge {
  readonly #watermarks: number[]
  readonly #idle: boolean[]
  #merged: number = WATERMARK_START

  constructor(inputs: number) {
    this.#watermarks = Array.from({ length: inputs }, () => WATERMARK_START)
    this.#idle = Array.from({ length: inputs }, () => false)
  }

  /** An input's watermark; an input that was idle is active again. Returns the merged one when it advanced. */
  update(input: number, watermarkMs: number): number | undefined {
    this.#idle[input] = false
    this.#watermarks[input] = Math.max(this.#watermarks[input]!, watermarkMs)
    return this.#advance()
  }

  /** The input has nothing to say for now. Returns the merged watermark when it advanced. */
  markIdle(input: number): number | undefined {
    this.#idle[input] = true
    return this.#advance()
  }

  /** The input has ended. Returns the merged watermark when it advanced. */
  end(input: number): number | undefined {
    return this.update(input, WATERMARK_END)
  }

  get watermarkMs(): number {
    return this.#merged
  }

  /** True while every input is idle: the step should hold nobody behind it back. */
  get idle(): boolean {
    return this.#idle.every((idle) => idle)
  }

  /** The inputs that all others wait for. */
  holdingBack(): number[] {
    const active = this.#watermarks.map((_, input) => input).filter((input) => !this.#idle[input])
    const least = Math.min(...active.map((input) => this.#watermarks[input]!))
    return active.filter(
      (input) => this.#watermarks[input] === least && least < Math.max(...this.#watermarks),
    )
  }

  #advance(): number | undefined {
    let least = Infinity
    for (let input = 0; input < this.#watermarks.length; input++) {
      if (!this.#idle[input]) least = Math.min(least, this.#watermarks[input]!)
    }
    const merged = least === Infinity ? Math.max(...this.#watermarks) : least
    if (merged <= this.#merged) return undefined
    this.#merged = merged
    return merged
  }
}
