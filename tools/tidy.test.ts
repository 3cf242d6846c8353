import assert from 'node:assert/strict'
import { dirname } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { documentFindings } from './tidy/documents.ts'
import { importFindings } from './tidy/imports.ts'
import { platformFindings } from './tidy/platform.ts'
import { repositoryOf, withoutCommentsAndStrings } from './tidy/repository.ts'
import { shapeFindings } from './tidy/shape.ts'
import { tidyFindings } from './tidy.ts'

describe('tidy', () => {
  it('this repository is tidy', () => {
    assert.equal(tidyFindings(dirname(dirname(fileURLToPath(import.meta.url)))).join('\n'), '')
  })

  it('sees imports that the layer table does not allow', () => {
    const found = importFindings(
      repositoryOf({
        sources: {
          'src/base/hash.ts': '',
          'src/world/world.ts': `import { hash } from '../base/hash.ts'`,
          'src/log/storage/segment.ts': `import type { World } from '../../world/world.ts'\nimport '../../stream/graph/job.ts'`,
          'src/stream/graph/job.ts': `export {\n  operator,\n} from '../operators/map.ts' // from '../runtime/task.ts'`,
          'src/stream/operators/map.ts': `const late = import('../runtime/task.ts')`,
          'src/stream/runtime/task.ts': `import { map } from '../operators/map.ts'`,
          'src/stream/runtime/task.test.ts': `import '../../log/storage/segment.ts'`,
          'src/connectors/http/index.ts': `import '../files/index.ts'; import './none.ts'; import { x } from 'millrace'`,
          'src/connectors/files/index.ts': '',
          'src/elsewhere/x.ts': '',
        },
      }),
    )
    assert.deepEqual(found, [
      'src/log/storage/segment.ts: may not import src/stream/graph/job.ts (tools/layers.ts)',
      'src/stream/operators/map.ts: may not import src/stream/runtime/task.ts (tools/layers.ts)',
      'src/connectors/http/index.ts: may not import src/connectors/files/index.ts (tools/layers.ts)',
      'src/connectors/http/index.ts: imports src/connectors/http/none.ts, which does not exist',
      'src/connectors/http/index.ts: imports millrace; inside src imports are relative',
      'src/elsewhere/x.ts: the folder elsewhere/x.ts is not in tools/layers.ts',
      'src/stream/operators/map.ts: in a circle of imports with src/stream/runtime/task.ts',
    ])
  })

  it('a circle of types is none', () => {
    const sources = {
      'src/base/a.ts': `import type { B } from './b.ts'`,
      'src/base/b.ts': `import { a } from './a.ts'`,
    }
    assert.deepEqual(importFindings(repositoryOf({ sources })), [])
  })

  it('sees the platform outside the world, but not in comments, strings, tests and the command', () => {
    const text = `
      // Date.now() is not allowed
      const a = Date.now(), b = new Date(a), c = 'Math.random()'
      this.setTimeout(1); clock.setTimeout(2); setTimeout(() => 1, 2)
      import { readFileSync } from 'node:fs'
      import { gzipSync } from 'node:zlib'
      process.exit(1)`
    const found = platformFindings(
      repositoryOf({ sources: { 'src/log/x.ts': text, 'src/world/x.ts': text, 'src/log/x.test.ts': text } }),
    )
    assert.deepEqual(found, [
      `src/log/x.ts:3: Date.now is the platform's (clock); use the world`,
      `src/log/x.ts:4: setTimeout is the platform's (timers); use the world`,
      `src/log/x.ts:7: process.exit is the platform's (process); use the world`,
      'src/log/x.ts: imports node:fs; only src/world may',
    ])
    assert.equal(platformFindings(repositoryOf({ sources: { 'src/cli/x.ts': 'process.exit(1)' } })).length, 0)
  })

  it('sees empty names, long files, enums and postponed work', () => {
    const sources = {
      'src/base/string-utils.ts': 'enum Color { Red }\n',
      'src/base/Camel.ts': '\n'.repeat(501),
      'src/base/later.ts': '// TODO: all\nconst namespace = 1\n',
    }
    assert.equal(shapeFindings(repositoryOf({ sources })).length, 5)
  })

  it('sees codes without page, pages without code and dead links', () => {
    const found = documentFindings(
      repositoryOf({
        sources: { 'src/base/a.ts': `fail('MR_KNOWN'); fail('MR_UNKNOWN')` },
        documents: {
          'docs/errors/MR_KNOWN.md': '# MR_KNOWN\n[all](../../README.md) [none](x.md#y)',
          'docs/errors/MR_OLD.md': '# MR_OLD\n',
          'README.md': '[errors](docs/errors/MR_OLD.md) [web](https://example.org)',
        },
      }),
    )
    assert.deepEqual(found, [
      'src/base/a.ts: MR_UNKNOWN has no page docs/errors/MR_UNKNOWN.md',
      'docs/errors/MR_OLD.md: no code uses MR_OLD',
      'docs/errors/MR_KNOWN.md: links to x.md#y, which does not exist',
    ])
  })

  it('blanks strings, comments and patterns in place', () => {
    const text = `const a = 'it\\'s' // x\nconst b = /'/g, c = \`\${d}\` /* ' */ + 1 / 2`
    const blanked = withoutCommentsAndStrings(text)
    assert.equal(blanked.length, text.length)
    assert.equal(blanked.replace(/ +/g, ' '), "const a = ' ' \nconst b = g, c = ` ` + 1 / 2")
  })
})
