import assert from 'node:assert/strict'
import { test } from 'node:test'
import { benchmarks } from './benchmarks.ts'
import { isResultsPageFresh } from './harness/results-page.ts'

test('the page of results says what the recorded files say', () => {
  assert.ok(isResultsPageFresh(benchmarks), 'bench/results/README.md is old: npm run -s bench -- page')
})
