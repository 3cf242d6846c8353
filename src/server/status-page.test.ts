/** Runs the status page's script as a browser would, on as much of a document as it uses. */
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { createContext, runInContext } from 'node:vm'
import { STATUS_PAGE } from './status-page.ts'
import { STATUS_PAGE_SCRIPT } from './status-page-script.ts'

class Element {
  readonly tag: string
  className = ''
  readonly #children: (Element | string)[] = []
  #connected = false

  constructor(tag: string) {
    this.tag = tag
  }

  append(...children: (Element | string)[]): void {
    for (const child of children) if (child instanceof Element) child.#connected = true
    this.#children.push(...children)
  }

  replaceChildren(...children: (Element | string)[]): void {
    this.#children.length = 0
    this.append(...children)
  }

  setAttribute(): void {}

  get isConnected(): boolean {
    return this.#connected
  }

  get textContent(): string {
    return this.#children
      .map((child) => (child instanceof Element ? child.textContent : child))
      .filter((text) => text !== '')
      .join(' ')
  }

  set textContent(text: string) {
    this.replaceChildren(text)
  }

  all(tag: string): Element[] {
    const inside = this.#children.filter((child) => child instanceof Element)
    return [...(this.tag === tag ? [this] : []), ...inside.flatMap((child) => child.all(tag))]
  }
}

/** A loaded page: its elements by id, and a way to let it ask once more. */
function load(answer: () => unknown): { byId: Map<string, Element>; refresh: () => Promise<void> } {
  const ids = [...STATUS_PAGE.matchAll(/\bid="([\w-]+)"/g)].map(([, id]) => id ?? '')
  const byId = new Map(ids.map((id) => [id, new Element('section')]))
  const next: (() => void)[] = []
  const context = createContext({
    document: {
      hidden: false,
      getElementById: (id: string) => byId.get(id),
      createElement: (tag: string) => new Element(tag),
      createElementNS: (_: string, tag: string) => new Element(tag),
    },
    fetch: async (path: string) => {
      assert.equal(path, '/api/v1/overview')
      const json = answer()
      return json === undefined
        ? { ok: false, status: 500, statusText: 'Internal Server Error' }
        : { ok: true, json: async () => json }
    },
    setTimeout: (callback: () => void) => next.push(callback),
    Intl,
  })
  runInContext(STATUS_PAGE_SCRIPT, context)
  const settled = async (): Promise<void> => {
    // The script asks for its next turn when it has shown this one.
    while (next.length === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  return {
    byId,
    refresh: async () => {
      await settled()
      next.shift()?.()
      await settled()
    },
  }
}

const step = {
  name: 'orders',
  kind: 'source',
  eventsIn: 1_000,
  eventsOut: 1_000,
  late: 0,
  rejected: 0,
  filtered: 0,
  lag: 3,
  watermarkMs: null,
  ended: false,
}
const job = {
  name: '<b>billing</b>',
  status: 'running',
  parallelism: 2,
  restarts: 1,
  error: null,
  lastCheckpoint: { id: 9, sizeBytes: 2048, durationMs: 12.4, completedMs: 1 },
  explanation: ['orders: the watermark waits for orders-1.'],
  steps: [step, { ...step, name: 'orders.event-time', kind: 'event-time', watermarkMs: 1_517_835_599_999 }],
}
const overview = {
  nowMs: 1_517_900_000_000,
  log: '127.0.0.1:9092',
  logError: null,
  jobs: [job],
  topics: [{ name: 'orders', partitions: 4, records: 5_000, endOffsets: 5_000 }],
  groups: [{ id: 'readers', state: 'Stable', members: 2, lag: 12 }],
}

describe('the status page', () => {
  it('asks for nothing but itself', () => {
    assert.doesNotMatch(STATUS_PAGE, /https?:\/\//)
    assert.doesNotMatch(
      STATUS_PAGE.replace('<script src="/status-page.js"></script>', ''),
      /<script|\son\w+=/,
    )
    assert.doesNotMatch(STATUS_PAGE_SCRIPT, /innerHTML|eval|document\.write/)
  })

  it('shows jobs, topics and groups, and rates from one look to the next', async () => {
    let now: unknown = overview
    const page = load(() => now)
    await page.refresh()
    now = {
      ...overview,
      nowMs: overview.nowMs + 2_000,
      jobs: [{ ...job, steps: [{ ...step, eventsIn: 1_500 }, job.steps[1]] }],
    }
    await page.refresh()
    const jobs = page.byId.get('jobs')!
    assert.equal(jobs.all('section').length, 2, 'the list and one card')
    assert.match(jobs.textContent, /<b>billing<\/b> running parallelism 2 · 1 restarts/)
    assert.match(jobs.textContent, /events\/s 250 events read 1,500/)
    assert.match(jobs.textContent, /watermark \(UTC\) 2018-02-05 12:59/)
    assert.match(jobs.textContent, /last checkpoint 12 ms, 2\.0 KiB/)
    assert.match(jobs.textContent, /waits for orders-1/)
    assert.match(page.byId.get('topics')!.textContent, /orders 4 5,000 0/)
    assert.match(page.byId.get('groups')!.textContent, /readers Stable 2 12/)
    assert.match(page.byId.get('log')!.textContent, /127\.0\.0\.1:9092/)
    assert.match(page.byId.get('live')!.textContent, /2018-02-06/)
  })

  it('shows a job that has finished, and one that has failed', async () => {
    const ended = {
      ...job,
      name: 'done',
      status: 'finished',
      steps: [{ ...step, kind: 'event-time', ended: true }],
    }
    const failed = {
      ...job,
      name: 'broken',
      status: 'failed',
      error: 'MR_JOB_FAILED: why',
      lastCheckpoint: null,
    }
    const page = load(() => ({ ...overview, jobs: [ended, failed] }))
    await page.refresh()
    const text = page.byId.get('jobs')!.textContent
    assert.match(text, /done finished.*watermark \(UTC\) end/)
    assert.match(text, /broken failed.*MR_JOB_FAILED: why/)
  })

  it('says when nobody answers, and why the log does not', async () => {
    let now: unknown = undefined
    const page = load(() => now)
    await page.refresh()
    assert.match(page.byId.get('live')!.textContent, /no answer: 500/)
    now = { ...overview, jobs: [], topics: [], groups: [], logError: 'MR_CONNECT_FAILED: gone' }
    await page.refresh()
    assert.match(page.byId.get('topics')!.textContent, /MR_CONNECT_FAILED: gone/)
  })
})
