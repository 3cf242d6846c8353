/**
 * Fetches the foreign clients, servers and tools that conformance tests and benchmarks use.
 *
 *     node conformance/tools/fetch.ts            what is here and what is missing
 *     node conformance/tools/fetch.ts all        fetch everything that is missing
 *     node conformance/tools/fetch.ts kcat …     fetch these
 */
import { witness, witnesses, type WitnessName } from './witnesses.ts'

const wanted = process.argv.slice(2)
let failed = 0

if (wanted.length === 0) {
  for (const each of witnesses)
    console.log(`${each.isHere() ? 'here   ' : 'missing'}  ${each.name.padEnd(18)}${each.what}`)
} else {
  const chosen = wanted.includes('all') ? witnesses : wanted.map((name) => witness(name as WitnessName))
  for (const each of chosen) {
    if (each.isHere()) continue
    console.log(`fetching ${each.name}: ${each.what}`)
    try {
      each.fetch()
    } catch (error) {
      failed++
      console.error(
        `${each.name} could not be fetched: ${error instanceof Error ? error.message : String(error)}`,
      )
    }
  }
}
process.exitCode = failed === 0 ? 0 : 1
