import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { it } from 'node:test'
import { METRICS_PAGE, metricsPage } from './metrics-page.ts'

it('docs/metrics.md is what /metrics gives: node tools/metrics-page.ts', async () => {
  const page = await metricsPage()
  assert.equal(readFileSync(METRICS_PAGE, 'utf8'), page)
  assert.match(page, /`kafka_consumergroup_lag` \| gauge \| consumergroup, topic, partition/)
  assert.match(page, /`kafka_network_requestmetrics_totaltimems` \| histogram \| request/)
})
