import { MillraceError } from '../base/millrace-error.ts'
import type { WorkerMain } from './world.ts'

/** The worker that `world-suite.ts` starts. */
export const main: WorkerMain = async ({ pipe, data }) => {
  const start = data as { readonly mode: 'echo' | 'share' | 'fail'; readonly shared?: SharedArrayBuffer }
  switch (start.mode) {
    case 'fail':
      throw new MillraceError({ code: 'MR_DISK_FULL', message: 'no room.', path: '/some/where' })
    case 'share':
      await new Promise<void>((resolve) => {
        pipe.onMessage((message) => {
          new Int32Array(start.shared!)[0] = (message as ArrayBuffer).byteLength
          resolve()
        })
      })
      return
    case 'echo':
      pipe.post('ready')
      await new Promise<void>((resolve) => {
        pipe.onMessage((message) => {
          if (message === 'stop') resolve()
          else pipe.post(message)
        })
      })
  }
}
