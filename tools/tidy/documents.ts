/** Error codes and their pages; links between documents. */
import { posix } from 'node:path'
import { isTest } from './repository.ts'
import type { Repository } from './repository.ts'

const ERRORS = 'docs/errors/'

export function documentFindings(repository: Repository): string[] {
  return [...errorPageFindings(repository), ...linkFindings(repository)]
}

function errorPageFindings(repository: Repository): string[] {
  const usedIn = new Map<string, string>()
  for (const { path, text } of repository.sources) {
    if (!path.startsWith('src/') || isTest(path)) continue
    for (const [, code] of text.matchAll(/['"`](MR_[A-Z0-9_]+)['"`]/g))
      if (code !== undefined) usedIn.set(code, path)
  }
  const pages = repository.documents.filter(({ path }) => path.startsWith(`${ERRORS}MR_`))
  const described = new Set(pages.map(({ path }) => posix.basename(path, '.md')))
  return [
    ...[...usedIn]
      .filter(([code]) => !described.has(code))
      .map(([code, path]) => `${path}: ${code} has no page ${ERRORS}${code}.md`),
    ...[...described]
      .filter((code) => !usedIn.has(code))
      .map((code) => `${ERRORS}${code}.md: no code uses ${code}`),
    ...pages
      .filter(({ path, text }) => !text.startsWith(`# ${posix.basename(path, '.md')}\n`))
      .map(({ path }) => `${path}: begins with another title than its code`),
  ]
}

function linkFindings(repository: Repository): string[] {
  const findings: string[] = []
  for (const { path, text } of repository.documents) {
    const prose = text.replace(/```[^]*?```/g, '').replace(/`[^`\n]*`/g, '')
    for (const [, link] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (link === undefined || /^(?:[a-z]+:|#)/.test(link)) continue
      const target = posix.join(posix.dirname(path), link.replace(/#.*$/, '')).replace(/\/$/, '')
      if (!repository.exists(target)) findings.push(`${path}: links to ${link}, which does not exist`)
    }
  }
  return findings
}
