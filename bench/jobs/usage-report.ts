/** Prints what a program took since `startMeasuring`, in the form of the rival's programs. */
export interface Measuring {
  report(events: number, checksum: string): void
}

export function startMeasuring(): Measuring {
  const cpu = process.cpuUsage()
  const startedMs = performance.now()
  return {
    report(events, checksum) {
      const used = process.cpuUsage(cpu)
      const cpuSeconds = (used.user + used.system) / 1e6
      const wallSeconds = (performance.now() - startedMs) / 1_000
      console.log(JSON.stringify({ events, cpuSeconds, wallSeconds, checksum }))
    },
  }
}
