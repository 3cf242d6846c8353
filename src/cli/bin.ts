#!/usr/bin/env node
// Said here, where every Node can still read the file: an older one would end with a syntax error inside the package.
const NODE_MIN = 24
if (Number.parseInt(process.versions.node, 10) < NODE_MIN) {
  console.error(`millrace: needs Node ${NODE_MIN} or newer; this is Node ${process.versions.node}`)
  process.exit(1)
}
// Half of a short command's time is the loading of code; what was compiled once is kept. So nothing else is imported
// before this line has run.
const { enableCompileCache, flushCompileCache } = await import('node:module')
enableCompileCache()
// It is written at the end of a process; one that is killed, as servers mostly are, has written it by then.
setTimeout(flushCompileCache, 1_000).unref()
const { runProgram } = await import('./program.ts')
const { terminal } = await import('./output.ts')
const code = await runProgram(process.argv)
// process.exit drops what a pipe has not taken yet: `millrace consume … | slow` would lose the end.
await terminal.flushed()
// Whatever a failed connection or an idle timer still holds must not keep a finished command from ending.
process.exit(code)
