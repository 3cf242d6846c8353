import { WATERMARK_START } from '../operator.ts'

/**
 * How far event time had come in a window operator, across restarts. The watermark is part of the windows' state, so
 * that after a restore no window fires twice and what was late stays late, while sources begin again from
 * `WATERMARK_START`. It is kept by key group, since those are what is dealt out; aligned barriers give all groups the
 * same one, and should they differ the least counts.
 */
export class RestoredWatermark {
  readonly #byKeyGroup = new Map<number, number>()
  #written: number = WATERMARK_START

  restore(keyGroup: number, watermarkMs: number): void {
    this.#byKeyGroup.set(keyGroup, watermarkMs)
  }

  /** The restored watermark, once after a restore. */
  take(): number | undefined {
    if (this.#byKeyGroup.size === 0) return undefined
    const least = Math.min(...this.#byKeyGroup.values())
    this.#byKeyGroup.clear()
    return least
  }

  /** Whether a snapshot must write the watermark. */
  mustWrite(watermarkMs: number, mode: 'full' | 'changes'): boolean {
    if (watermarkMs === WATERMARK_START || (mode === 'changes' && watermarkMs === this.#written)) return false
    this.#written = watermarkMs
    return true
  }
}
