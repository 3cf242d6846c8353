import { clusterOf, type Mirror, type MirrorCluster, type MirrorStatus } from '../mirror/mirror-options.ts'

/** A mirror as REST and metrics show it. */
export interface MirrorView extends MirrorStatus {
  /** Addresses; of the process's log the one that its clients use. */
  readonly from: string
  readonly to: string
}

export interface WatchedMirror {
  readonly mirror: Mirror
  /** Where it is not the process's log. */
  readonly from: MirrorCluster | undefined
  readonly to: MirrorCluster | undefined
}

export function viewMirror({ mirror, from, to }: WatchedMirror, bootstrap: string): MirrorView {
  const [source, target] = [from, to].map((side) => clusterOf(side ?? bootstrap).bootstrap)
  return { from: source!, to: target!, ...mirror.status() }
}
