/** Imports against the layer table, and circles of imports. */
import { posix } from 'node:path'
import { LAYERS } from '../layers.ts'
import { isTest } from './repository.ts'
import type { Repository, SourceFile } from './repository.ts'

export interface Import {
  readonly specifier: string
  /** Erased before the program runs. */
  readonly typeOnly: boolean
}

const IMPORT = /(?:\b(import|export)\s+(type\s)?[^'";]*?\bfrom\s*|\bimport\s*\(?\s*)(['"])(\s*)\3/g

/** What a file imports, statically or by `import('…')`. */
export function importsOf(file: SourceFile): Import[] {
  return [...file.code.matchAll(IMPORT)].map((match) => {
    const end = match.index + match[0].length - 1
    const start = end - (match[4]?.length ?? 0)
    return { specifier: file.text.slice(start, end), typeOnly: match[2] !== undefined }
  })
}

export function importFindings(repository: Repository): string[] {
  return [...layerFindings(repository), ...circleFindings(repository)]
}

function layerFindings(repository: Repository): string[] {
  const findings: string[] = []
  for (const file of repository.sources) {
    const folder = folderOf(file.path)
    if (folder === undefined || isTest(file.path)) continue
    if (LAYERS[folder.layer] === undefined) {
      findings.push(`${file.path}: the folder ${folder.own} is not in tools/layers.ts`)
      continue
    }
    for (const { specifier } of importsOf(file)) {
      if (!specifier.startsWith('.')) {
        if (specifier === 'millrace' || specifier.startsWith('millrace/')) {
          findings.push(`${file.path}: imports ${specifier}; inside src imports are relative`)
        }
        continue
      }
      const target = posix.join(posix.dirname(file.path), specifier)
      if (!repository.exists(target)) findings.push(`${file.path}: imports ${target}, which does not exist`)
      else if (!allowed(folder, target))
        findings.push(`${file.path}: may not import ${target} (tools/layers.ts)`)
    }
  }
  return findings
}

interface Folder {
  /** The folder itself, below `src`: `connectors/kafka`. */
  readonly own: string
  /** Its key in the table: `connectors/*`. */
  readonly layer: string
}

function folderOf(path: string): Folder | undefined {
  const names = path.split('/')
  if (names[0] !== 'src' || names.length < 3) return undefined
  const one = names[1] ?? ''
  const two = `${one}/${names[2] ?? ''}`
  if (LAYERS[one] !== undefined) return { own: one, layer: one }
  return LAYERS[two] === undefined ? { own: two, layer: `${one}/*` } : { own: two, layer: two }
}

function allowed(from: Folder, target: string): boolean {
  const to = folderOf(target)
  if (to === undefined) return false
  if (to.own === 'base' || to.own === from.own) return true
  return (LAYERS[from.layer] ?? []).some((rule) => {
    if (rule === '*') return to.own !== 'testing' || from.own === 'testing'
    if (rule.endsWith('/*')) return to.own.startsWith(rule.slice(0, -1))
    return rule === to.own || target === `src/${rule}`
  })
}

/** Strongly connected components of the imports that are there at run time (Tarjan). */
function circleFindings(repository: Repository): string[] {
  const edges = new Map<string, string[]>()
  for (const file of repository.sources) {
    const targets = importsOf(file)
      .filter(({ specifier, typeOnly }) => specifier.startsWith('.') && !typeOnly)
      .map(({ specifier }) => posix.join(posix.dirname(file.path), specifier))
    edges.set(file.path, targets)
  }
  const found: string[] = []
  const order = new Map<string, { readonly index: number; low: number; onStack: boolean }>()
  const stack: string[] = []
  const visit = (path: string): { low: number } => {
    const state = { index: order.size, low: order.size, onStack: true }
    order.set(path, state)
    stack.push(path)
    for (const target of edges.get(path) ?? []) {
      const known = order.get(target)
      if (target === path) found.push(`${path}: imports itself`)
      else if (known === undefined && edges.has(target)) state.low = Math.min(state.low, visit(target).low)
      else if (known?.onStack === true) state.low = Math.min(state.low, known.index)
    }
    if (state.low === state.index) {
      const circle = stack.splice(stack.indexOf(path))
      for (const member of circle) order.get(member)!.onStack = false
      if (circle.length > 1)
        found.push(`${path}: in a circle of imports with ${circle.slice(1).sort().join(', ')}`)
    }
    return state
  }
  for (const path of edges.keys()) if (!order.has(path)) visit(path)
  return found
}
