#!/usr/bin/env node
import { enableCompileCache } from 'node:module'

// Half of a short command's time is the loading of code; what was compiled once is kept. So nothing else is imported
// before this line has run.
enableCompileCache()
const { runProgram } = await import('./program.ts')
const { terminal } = await import('./output.ts')
const code = await runProgram(process.argv)
// process.exit drops what a pipe has not taken yet: `millrace consume … | slow` would lose the end.
await terminal.flushed()
// Whatever a failed connection or an idle timer still holds must not keep a finished command from ending.
process.exit(code)
