/** The plain status page: one page, one script, no build. It asks `/api/v1/overview` once a second. */

export const STATUS_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Millrace</title>
<style>
  :root { color-scheme: light dark; --line: #8884; --soft: #888; --good: #1a7f4b; --bad: #c0392b; --bar: #3b82c4; }
  body { font: 14px/1.45 system-ui, sans-serif; margin: 0 auto; max-width: 1100px; padding: 1rem; }
  header { display: flex; flex-wrap: wrap; gap: .25rem 1.5rem; align-items: baseline; border-bottom: 1px solid var(--line); padding-bottom: .5rem; }
  h1 { font-size: 1.3rem; margin: 0; } h2 { font-size: 1.05rem; margin: 1.5rem 0 .4rem; } h3 { font-size: .95rem; margin: 1rem 0 .3rem; }
  .scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
  th, td { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--line); vertical-align: top; }
  th { color: var(--soft); font-weight: 500; } .n { text-align: right; font-variant-numeric: tabular-nums; }
  .soft { color: var(--soft); } .good { color: var(--good); } .bad { color: var(--bad); } pre { white-space: pre-wrap; margin: .2rem 0; }
</style>
</head>
<body>
<header><h1>Millrace</h1><span id="log" class="soft"></span><span id="live" class="soft" role="status">loading …</span></header>
<main>
  <section id="jobs" aria-label="Jobs"></section>
  <section aria-label="Topics"><h2>Topics</h2><div class="scroll"><table id="topics"></table></div></section>
  <section aria-label="Consumer groups"><h2>Consumer groups</h2><div class="scroll"><table id="groups"></table></div></section>
</main>
<script src="/status-page.js"></script>
</body>
</html>
`

export const STATUS_PAGE_SCRIPT = `// The status page: asks the REST API once a second and shows what it says. Text is always set as text, never as HTML.
const number = new Intl.NumberFormat('en')
const last = new Map()

function element(tag, options = {}, ...children) {
  const node = document.createElement(tag)
  if (options.class) node.className = options.class
  node.append(...children.map((child) => (child instanceof Node ? child : String(child))))
  return node
}

function rate(name, value, nowMs) {
  const before = last.get(name)
  last.set(name, { value, nowMs })
  if (before === undefined || nowMs <= before.nowMs) return 0
  return Math.max(0, ((value - before.value) * 1000) / (nowMs - before.nowMs))
}

function table(target, heads, rows) {
  const head = element('tr', {}, ...heads.map(([text, kind]) => element('th', { class: kind }, text)))
  const body = rows.map((row) => element('tr', {}, ...row.map((cell, i) => element('td', { class: heads[i][1] }, cell))))
  target.replaceChildren(element('thead', {}, head), element('tbody', {}, ...body))
}

const count = (value) => (value === undefined || value === null ? '–' : number.format(Math.round(value)))
const time = (ms) => (ms === undefined || ms === null ? '–' : new Date(ms).toISOString().replace('T', ' ').slice(0, 19))

function showJob(job, nowMs) {
  const section = element('div')
  const status = element('span', { class: job.status === 'running' || job.status === 'finished' ? 'good' : 'bad' }, job.status)
  section.append(element('h2', {}, \`Job \${job.name}: \`, status))
  const facts = [\`parallelism \${job.parallelism}\`, \`restarts \${job.restarts}\`]
  const checkpoint = job.lastCheckpoint
  if (checkpoint) facts.push(\`checkpoint \${checkpoint.id}: \${count(checkpoint.sizeBytes)} bytes in \${count(checkpoint.durationMs)} ms\`)
  section.append(element('div', { class: 'soft' }, facts.join(' · ')))
  if (job.error) section.append(element('pre', { class: 'bad' }, job.error))
  if (job.explanation.length > 0) section.append(element('pre', {}, job.explanation.join('\\n')))
  const steps = element('table')
  table(
    steps,
    [['step'], ['in', 'n'], ['in/s', 'n'], ['out', 'n'], ['late', 'n'], ['rejected', 'n'], ['lag', 'n'], ['watermark (UTC)']],
    job.steps.map((step) => [
      step.name,
      count(step.eventsIn),
      count(rate(\`\${job.name}/\${step.name}\`, step.eventsIn, nowMs)),
      count(step.eventsOut),
      count(step.late),
      count(step.rejected),
      count(step.lag),
      time(step.watermarkMs),
    ]),
  )
  section.append(element('div', { class: 'scroll' }, steps))
  return section
}

async function refresh() {
  const live = document.getElementById('live')
  try {
    const response = await fetch('/api/v1/overview')
    if (!response.ok) throw new Error(\`\${response.status} \${response.statusText}\`)
    const overview = await response.json()
    document.getElementById('log').textContent = overview.log ? \`log on \${overview.log}\` : ''
    document.getElementById('jobs').replaceChildren(...overview.jobs.map((job) => showJob(job, overview.nowMs)))
    table(
      document.getElementById('topics'),
      [['topic'], ['partitions', 'n'], ['records', 'n'], ['records/s', 'n']],
      overview.topics.map((t) => [t.name, count(t.partitions), count(t.records), count(rate(\`topic \${t.name}\`, t.endOffsets, overview.nowMs))]),
    )
    table(
      document.getElementById('groups'),
      [['group'], ['state'], ['members', 'n'], ['lag', 'n']],
      overview.groups.map((g) => [g.id, g.state, count(g.members), count(g.lag)]),
    )
    live.textContent = \`as of \${time(overview.nowMs)} UTC\`
    live.className = 'soft'
  } catch (error) {
    live.textContent = \`no answer: \${error.message}\`
    live.className = 'bad'
  }
  setTimeout(refresh, 1000)
}

void refresh()
`
