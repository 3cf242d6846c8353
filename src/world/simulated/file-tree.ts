/**
 * The names on a simulated disk. Creating, renaming and removing change what is seen at once, and what a power loss
 * leaves only after the directory was synced: until then they wait, in order, in one list. A rename is one entry
 * (atomic); removing a tree is one entry a file.
 */
import { posix } from 'node:path'
import { FileContent } from './file-content.ts'

export class FileNode {
  readonly kind = 'file'
  readonly content: FileContent
  modifiedMs: number
  /** False once no name leads to it; its bytes no longer count as used. */
  linked = true

  constructor(modifiedMs: number, content: FileContent = new FileContent()) {
    this.modifiedMs = modifiedMs
    this.content = content
  }
}

export class DirectoryNode {
  readonly kind = 'directory'
  readonly entries = new Map<string, TreeNode>()
  readonly durable = new Map<string, TreeNode>()
  readonly modifiedMs: number

  constructor(modifiedMs: number) {
    this.modifiedMs = modifiedMs
  }
}

export type TreeNode = FileNode | DirectoryNode

interface Edit {
  readonly directory: DirectoryNode
  readonly name: string
  readonly node: TreeNode | undefined
}

interface PendingOperation {
  readonly sequence: number
  readonly edits: readonly Edit[]
}

export class FileTree {
  readonly root: DirectoryNode
  #pending: PendingOperation[] = []
  #sequence = 0

  constructor(root: DirectoryNode = new DirectoryNode(0)) {
    this.root = root
  }

  /** The sequence number after the newest change of a name; for `settle`. */
  get newest(): number {
    return this.#sequence
  }

  find(path: string): TreeNode | undefined {
    let node: TreeNode | undefined = this.root
    for (const name of namesOf(path)) {
      if (node?.kind !== 'directory') return undefined
      node = node.entries.get(name)
    }
    return node
  }

  /** The directory that holds the path, and the path's last name; undefined when there is no such directory. */
  place(path: string): { readonly directory: DirectoryNode; readonly name: string } | undefined {
    const names = namesOf(path)
    const name = names.pop()
    if (name === undefined) return undefined
    const directory = this.find(names.join('/'))
    return directory?.kind === 'directory' ? { directory, name } : undefined
  }

  /** Changes names, all at once. */
  edit(edits: readonly Edit[]): void {
    for (const edit of edits) put(edit.directory.entries, edit)
    this.#pending.push({ sequence: this.#sequence++, edits })
  }

  /** A sync of the directory ended well: its changes before `newest` are on the device. */
  settle(directory: DirectoryNode, newest: number): void {
    this.#pending = this.#pending.filter((operation) => {
      if (operation.sequence >= newest || !operation.edits.some((edit) => edit.directory === directory))
        return true
      for (const edit of operation.edits) put(edit.directory.durable, edit)
      return false
    })
  }

  /**
   * The tree after a power loss that kept the first `keep(n)` of n unsynced changes: of all, or `byDirectory`, of each
   * directory's own, where what follows a lost one in its directory is lost too.
   */
  afterPowerLoss(
    keep: (count: number) => number,
    survivor: (file: FileNode) => FileNode,
    order: 'all' | 'by directory' = 'all',
  ): FileTree {
    const kept =
      order === 'all' ? this.#pending.slice(0, keep(this.#pending.length)) : this.#keptByDirectory(keep)
    for (const operation of kept) {
      for (const edit of operation.edits) put(edit.directory.durable, edit)
    }
    this.#pending = []
    const copies = new Map<TreeNode, TreeNode>()
    return new FileTree(copyDurable(this.root, copies, survivor))
  }

  #keptByDirectory(keep: (count: number) => number): PendingOperation[] {
    const left = new Map<DirectoryNode, number>()
    for (const { edits } of this.#pending)
      for (const { directory } of edits) left.set(directory, (left.get(directory) ?? 0) + 1)
    for (const [directory, count] of left) left.set(directory, keep(count))
    return this.#pending.filter(({ edits }) => {
      const directories = [...new Set(edits.map(({ directory }) => directory))]
      const isKept = directories.every((directory) => left.get(directory)! > 0)
      for (const directory of directories) left.set(directory, isKept ? left.get(directory)! - 1 : 0)
      return isKept
    })
  }
}

export function namesOf(path: string): string[] {
  return posix
    .normalize(`/${path}`)
    .split('/')
    .filter((name) => name !== '')
}

function put(names: Map<string, TreeNode>, edit: Edit): void {
  if (edit.node === undefined) names.delete(edit.name)
  else names.set(edit.name, edit.node)
}

function copyDurable(
  directory: DirectoryNode,
  copies: Map<TreeNode, TreeNode>,
  survivor: (file: FileNode) => FileNode,
): DirectoryNode {
  const copy = new DirectoryNode(directory.modifiedMs)
  for (const [name, node] of directory.durable) {
    const known = copies.get(node)
    const copied = known ?? (node.kind === 'file' ? survivor(node) : copyDurable(node, copies, survivor))
    copies.set(node, copied)
    copy.entries.set(name, copied)
    copy.durable.set(name, copied)
  }
  return copy
}
