#!/usr/bin/env node
import { enableCompileCache } from 'node:module'

// Half of a short command's time is the loading of code; what was compiled once is kept. So nothing else is imported
// before this line has run.
enableCompileCache()
const { runProgram } = await import('./program.ts')
// Whatever a failed connection or an idle timer still holds must not keep a finished command from ending.
process.exit(await runProgram(process.argv))
