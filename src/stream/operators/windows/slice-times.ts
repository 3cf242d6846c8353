/**
 * The arithmetic of windows made of slices. Windows of `sizeMs` begin every `slideMs`, shifted by `offsetMs`; a slice
 * is as long as the greatest length that cuts every window into whole slices: gcd(size, slide). A tumbling window is one
 * slice. Each event belongs to one slice, each slice to the windows that begin in [firstWindow, lastWindow]; to none
 * where windows are further apart than they are long.
 */
import { MillraceError } from '../../../base/millrace-error.ts'

export class SliceTimes {
  readonly sizeMs: number
  readonly slideMs: number
  readonly offsetMs: number
  readonly sliceMs: number

  constructor(options: { readonly sizeMs: number; readonly slideMs: number; readonly offsetMs: number }) {
    const { sizeMs, slideMs, offsetMs } = options
    const whole =
      Number.isSafeInteger(sizeMs) && Number.isSafeInteger(slideMs) && Number.isSafeInteger(offsetMs)
    if (!whole || sizeMs <= 0 || slideMs <= 0) {
      throw new MillraceError({
        code: 'MR_WINDOW',
        message: `A window of ${sizeMs} ms every ${slideMs} ms, shifted by ${offsetMs} ms, cannot be.`,
        fix: 'Give sizes and slides as whole numbers of milliseconds above 0, offsets as whole numbers.',
      })
    }
    this.sizeMs = sizeMs
    this.slideMs = slideMs
    this.offsetMs = offsetMs
    this.sliceMs = greatestCommonDivisor(sizeMs, slideMs)
  }

  sliceOf(timeMs: number): number {
    return Math.floor((timeMs - this.offsetMs) / this.sliceMs) * this.sliceMs + this.offsetMs
  }

  /** Start of the first window that holds the slice. */
  firstWindow(sliceStart: number): number {
    return this.firstWindowFrom(sliceStart + this.sliceMs - this.sizeMs)
  }

  /** Start of the first window that begins at `timeMs` or later. */
  firstWindowFrom(timeMs: number): number {
    return Math.ceil((timeMs - this.offsetMs) / this.slideMs) * this.slideMs + this.offsetMs
  }

  /** Start of the last window that holds the slice; before `firstWindow` when none does. */
  lastWindow(sliceStart: number): number {
    return Math.floor((sliceStart - this.offsetMs) / this.slideMs) * this.slideMs + this.offsetMs
  }
}

function greatestCommonDivisor(left: number, right: number): number {
  return right === 0 ? left : greatestCommonDivisor(right, left % right)
}
