/** The status page: one page, one script (`status-page-script.ts`), no build. */
export const STATUS_PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Millrace</title>
<link rel="icon" href="data:,">
<style>
  :root {
    color-scheme: light dark;
    --page: light-dark(#f4f6f8, #12161b); --card: light-dark(#fff, #1a2027); --text: light-dark(#1c2733, #dfe6ee);
    --soft: light-dark(#5b6b7b, #93a2b2); --line: light-dark(#e1e7ed, #2b343e); --water: light-dark(#1f6fb2, #5db0f0);
    --good: light-dark(#17754a, #4cc38a); --warn: light-dark(#8f5b00, #e0a83c); --bad: light-dark(#b3261e, #ff7b72);
  }
  * { box-sizing: border-box; }
  body { font: 14px/1.5 system-ui, sans-serif; margin: 0; background: var(--page); color: var(--text); }
  header, main { max-width: 1120px; margin: 0 auto; padding: 0 1rem; }
  header { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; align-items: center; padding-block: 1rem .75rem; }
  h1 { font-size: 1.25rem; margin: 0; display: flex; gap: .5rem; align-items: center; letter-spacing: -.01em; }
  h1 svg { width: 1.5rem; height: 1.5rem; color: var(--water); }
  h2 { font-size: 1rem; margin: 0; } code { font: .92em ui-monospace, monospace; }
  #live { margin-left: auto; }
  main { display: grid; gap: 1rem; padding-bottom: 2rem; } #jobs { display: grid; gap: 1rem; }
  .card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 1rem; min-width: 0; }
  .pair { display: grid; gap: 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); align-items: start; }
  .head { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: center; }
  .pill { border: 1px solid currentColor; border-radius: 99px; padding: 0 .6rem; font-size: .85rem; font-weight: 600; }
  .figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.5rem, 1fr)); gap: .75rem 1.25rem; margin: .9rem 0; }
  .figures dt { color: var(--soft); font-size: .85rem; } .figures dd { margin: 0; font-size: 1.2rem; font-variant-numeric: tabular-nums; }
  .chart { display: block; width: 100%; height: 44px; color: var(--water); margin-bottom: .6rem; }
  .notes { margin: .25rem 0 .75rem; padding-left: 1.1rem; } .notes li::marker { color: var(--warn); }
  pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .5rem 0; }
  .scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
  th, td { text-align: left; padding: .3rem .9rem .3rem 0; border-top: 1px solid var(--line); white-space: nowrap; }
  thead th { border-top: 0; } tr > :last-child { padding-right: 0; }
  th { color: var(--soft); font-weight: 500; font-size: .85rem; } .n { text-align: right; font-variant-numeric: tabular-nums; }
  .soft { color: var(--soft); } .good { color: var(--good); } .warn { color: var(--warn); } .bad { color: var(--bad); }
  @media (max-width: 640px) { td:first-child { white-space: normal; overflow-wrap: anywhere; min-width: 7rem; } .wide { display: none; } #live { margin-left: 0; } .card { padding: .8rem; } }
</style>
</head>
<body>
<header>
  <h1><svg viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" aria-hidden="true"><circle cx="12" cy="10" r="6.5"/><path d="M12 3.5v13M5.5 10h13M7.400 5.400l9.200 9.200M16.600 5.400l-9.200 9.200"/><path d="M2 20.500c2.500-1.800 4.500-1.800 7 0s4.500 1.800 7 0 4-1.600 6-.6"/></svg>Millrace</h1>
  <span id="log" class="soft"></span>
  <span id="live" class="soft" role="status">loading …</span>
</header>
<main>
  <section id="jobs" aria-label="Jobs"></section>
  <div class="pair">
    <section class="card" aria-labelledby="topics-head"><h2 id="topics-head">Topics</h2><div class="scroll"><table id="topics"></table></div></section>
    <section class="card" aria-labelledby="groups-head"><h2 id="groups-head">Consumer groups</h2><div class="scroll"><table id="groups"></table></div></section>
  </div>
  <noscript>This page needs JavaScript. The same figures: <a href="/api/v1/overview">/api/v1/overview</a>, <a href="/metrics">/metrics</a>.</noscript>
</main>
<script src="/status-page.js"></script>
</body>
</html>
`
