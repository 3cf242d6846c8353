import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { it } from 'node:test'
import { CONFIGURATION_PAGE, configurationPage } from './configuration-page.ts'

it('docs/configuration.md is what the settings say: node tools/configuration-page.ts', () => {
  assert.equal(readFileSync(CONFIGURATION_PAGE, 'utf8'), configurationPage())
})
