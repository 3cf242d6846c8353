/** What the status page runs in the browser. Written without template literals, since it is one. */
export const STATUS_PAGE_SCRIPT = `// Asks the REST API once a second and shows what it says. Text is always set as text, never as HTML.
'use strict'
const format = new Intl.NumberFormat('en')
const MINUTES_SHOWN = 2
const byId = (id) => document.getElementById(id)

function element(tag, className, ...children) {
  const node = document.createElement(tag)
  if (className) node.className = className
  node.append(...children)
  return node
}

const count = (value) => (value === null || value === undefined ? '–' : format.format(Math.round(value)))
const time = (ms) => (ms === null || ms === undefined ? '–' : new Date(ms).toISOString().replace('T', ' ').slice(0, 19))
const watermarkOf = (step) => (step.ended ? 'end' : time(step.watermarkMs))
function bytes(value) {
  if (value < 1024) return count(value) + ' B'
  return value < 1024 * 1024 ? (value / 1024).toFixed(1) + ' KiB' : (value / 1024 / 1024).toFixed(1) + ' MiB'
}

// Rates: by name the value seen last, and when.
const seen = new Map()
function rate(name, value, nowMs) {
  const before = seen.get(name)
  seen.set(name, { value, nowMs })
  if (before === undefined || nowMs <= before.nowMs) return 0
  return Math.max(0, ((value - before.value) * 1000) / (nowMs - before.nowMs))
}

// Rows of texts; columns are [head, class]. Only heads and rows are replaced, so that scrolling stays.
function fill(table, columns, rows, nothing) {
  const head = element('tr', '', ...columns.map(([text, kind]) => element('th', kind, text)))
  const body = rows.map((cells) => element('tr', '', ...cells.map((text, i) => element('td', columns[i][1], text))))
  if (rows.length === 0) {
    table.replaceChildren(element('tbody', '', element('tr', '', element('td', 'soft', nothing))))
  } else table.replaceChildren(element('thead', '', head), element('tbody', '', ...body))
}

function chartOf(values) {
  const shape = (tag, attributes) => {
    const node = document.createElementNS('http://www.w3.org/2000/svg', tag)
    for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value)
    return node
  }
  const chart = shape('svg', { class: 'chart', viewBox: '0 0 120 40', preserveAspectRatio: 'none', 'aria-hidden': 'true' })
  const most = Math.max(1, ...values)
  const left = 120 - values.length + 1
  const points = values.map((value, i) => left + i + ',' + (39 - (value / most) * 36).toFixed(1)).join(' ')
  const area = left + ',40 ' + points + ' 120,40'
  chart.append(shape('polygon', { points: area, fill: 'currentColor', 'fill-opacity': '.15' }))
  const line = { points, fill: 'none', stroke: 'currentColor', 'stroke-width': '1.5', 'vector-effect': 'non-scaling-stroke' }
  chart.append(shape('polyline', line))
  return chart
}

const STATUS_CLASS = { running: 'good', finished: 'good', failed: 'bad' }
const STEP_COLUMNS = [
  ['step'], ['kind', 'wide soft'], ['in', 'n'], ['in/s', 'n'], ['out', 'n wide'], ['late', 'n'], ['filtered', 'n wide'],
  ['rejected', 'n wide'], ['lag', 'n'], ['watermark (UTC)'],
]

// A job's card, kept while the job is there.
function jobCard(name) {
  const [status, facts] = [element('span', 'pill'), element('span', 'soft')]
  const [figures, chart, notes] = [element('dl', 'figures'), element('div'), element('div')]
  const steps = element('table')
  const head = element('div', 'head', element('h2', '', name), status, facts)
  const card = element('section', 'card', head, figures, chart, notes, element('div', 'scroll', steps))
  const rates = []
  const show = (job, nowMs) => {
    status.textContent = job.status
    status.className = 'pill ' + (STATUS_CLASS[job.status] ?? 'warn')
    facts.textContent = 'parallelism ' + job.parallelism + ' · ' + count(job.restarts) + ' restarts'
    const read = job.steps.filter((step) => step.kind === 'source').reduce((sum, step) => sum + step.eventsIn, 0)
    const late = job.steps.reduce((sum, step) => sum + step.late, 0)
    rates.push(rate(name, read, nowMs))
    if (rates.length > MINUTES_SHOWN * 60) rates.shift()
    const checkpoint = job.lastCheckpoint
    const times = job.steps.filter((step) => step.kind === 'event-time')
    const watermark = times.length === 0 ? '–' : times.map(watermarkOf).sort()[0]
    const shown = [
      ['events/s', count(rates.at(-1))],
      ['events read', count(read)],
      ['late', count(late)],
      ['watermark (UTC)', watermark.slice(0, 16)],
      ['last checkpoint', checkpoint ? checkpoint.durationMs.toFixed(0) + ' ms, ' + bytes(checkpoint.sizeBytes) : '–'],
    ]
    figures.replaceChildren(
      ...shown.map(([label, value]) => element('div', '', element('dt', '', label), element('dd', '', value))),
    )
    chart.replaceChildren(chartOf(rates))
    notes.replaceChildren()
    if (job.error) notes.append(element('pre', 'bad', job.error))
    if (job.explanation.length > 0)
      notes.append(element('ul', 'notes', ...job.explanation.map((sentence) => element('li', '', sentence))))
    fill(
      steps,
      STEP_COLUMNS,
      job.steps.map((step) => [
        step.name, step.kind, count(step.eventsIn), count(rate(name + '/' + step.name, step.eventsIn, nowMs)),
        count(step.eventsOut), count(step.late), count(step.filtered), count(step.rejected), count(step.lag),
        watermarkOf(step),
      ]),
      'no steps yet',
    )
  }
  return { card, show }
}

const cards = new Map()
function showJobs(jobs, nowMs) {
  for (const job of jobs) {
    if (!cards.has(job.name)) cards.set(job.name, jobCard(job.name))
    const { card, show } = cards.get(job.name)
    show(job, nowMs)
    if (!card.isConnected) byId('jobs').append(card)
  }
}

function showLog({ log, logError, topics, groups, nowMs }) {
  byId('log').replaceChildren(...(log ? ['Kafka clients: ', element('code', '', log)] : []))
  const nothing = logError ?? 'none yet'
  fill(
    byId('topics'),
    [['topic'], ['partitions', 'n'], ['records', 'n'], ['records/s', 'n']],
    topics.map((t) => [t.name, count(t.partitions), count(t.records), count(rate('topic ' + t.name, t.endOffsets, nowMs))]),
    nothing,
  )
  fill(
    byId('groups'),
    [['group'], ['state'], ['members', 'n'], ['lag', 'n']],
    groups.map((g) => [g.id, g.state, count(g.members), count(g.lag)]),
    nothing,
  )
}

async function refresh() {
  const live = byId('live')
  try {
    const response = await fetch('/api/v1/overview')
    if (!response.ok) throw new Error(response.status + ' ' + response.statusText)
    const overview = await response.json()
    showJobs(overview.jobs, overview.nowMs)
    showLog(overview)
    live.textContent = 'as of ' + time(overview.nowMs) + ' UTC'
    live.className = 'soft'
  } catch (error) {
    live.textContent = 'no answer: ' + error.message
    live.className = 'bad'
  }
}

async function keepFresh() {
  if (!document.hidden) await refresh()
  setTimeout(keepFresh, 1000)
}

void keepFresh()
`
