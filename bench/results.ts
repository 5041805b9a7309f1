/**
 * Results: what a run of the bench found out, as it is kept in JSON.
 *
 * Seconds, bytes and counts as they were measured; a part that was not measured is not there.
 */

/** One operation of one tool: medians over the runs. */
export interface Operation {
  readonly cpuSeconds: number
  readonly wallSeconds: number
  /** Of the largest process, bytes. */
  readonly peakMemory: number
  /** Of all processes of the tool together, bytes. */
  readonly peakMemoryOfAll: number
  readonly peersCpuSeconds?: number
  /** Before erasure. */
  readonly bytesNew?: number
  /** After erasure, to all peers. */
  readonly bytesSent?: number
  /** By a restore, from all peers. */
  readonly bytesFetched?: number
}

export interface ToolResult {
  readonly tool: string
  readonly runs: number
  readonly first: Operation
  /** Mean of the days. */
  readonly day: Operation
  readonly unchanged: Operation
  readonly restore: Operation
  /** Held after the first backup, all peers together, bytes. */
  readonly stored: number
  /** Entries of the restored tree whose bytes, kind or presence is wrong; worst of the runs. */
  readonly contentDifferences: number
  /** Differences of mode, owner and modification time, the root's own left out; worst of the runs. */
  readonly attributeDifferences: number
}

export interface WorkloadResult {
  readonly workload: string
  readonly title: string
  readonly scale: number
  readonly days: number
  readonly files: number
  /** Of all files together. */
  readonly bytes: number
  readonly place: 'memory' | 'disk'
  readonly tools: readonly ToolResult[]
  /** What could not be measured and why. */
  readonly failures: readonly string[]
}

export interface KernelResult {
  /** `encode 3-of-10`, say. */
  readonly kernel: string
  /** MB of 10⁶ bytes per CPU-second. */
  readonly rate: number
  /** What it is held against, and that one's rate; none if it is not installed. */
  readonly peer?: { readonly name: string; readonly rate: number }
}

export interface GrowthResult {
  readonly kind: 'files' | 'file'
  readonly files: number
  readonly bytes: number
  readonly first: Operation
  readonly unchanged: Operation
  /** `cairn scan` by itself, nothing changed; only of trees of files. */
  readonly scan?: Operation
  /** Another tool's backup of the same tree, nothing changed. */
  readonly beside?: { readonly tool: string; readonly unchanged: Operation }
}

export interface Amount {
  readonly count: number
  readonly bytes: number
}

/** How the versions of a file are stored; bytes before erasure. */
export interface HistoryState {
  readonly originals: Amount
  readonly forward: Amount
  readonly reverse: Amount
  /** Deltas between the newest version and its original. */
  readonly chainLength: number
  /** Sealed bytes to fetch for the newest version. */
  readonly fetchSize: number
  readonly loss: number
  readonly lossOfOriginal: number
  /** Of packs that the newest head needs. */
  readonly live: number
  /** Of packs that peers hold for their delay, or will. */
  readonly dead: number
  /** After erasure, all peers together. */
  readonly onPeers: number
}

export interface VersionRestore extends Operation {
  /** The day that made it; the first is 1. */
  readonly version: number
  /** How many versions were kept then. */
  readonly ofVersions: number
  readonly isRight: boolean
}

export interface HistoriesResult {
  readonly mode: 'by-hand' | 'automatic'
  readonly days: number
  /** Of the file. */
  readonly size: number
  readonly first: Operation
  /** Mean of the other days. */
  readonly day: Operation
  /** CPU seconds of the dearest. */
  readonly highestDay: number
  readonly peakOfDays: number
  /** Added by all days but the first, before erasure. */
  readonly addedByDays: number
  /** Of one day as rdiff and zstd make it; mean. */
  readonly minimalDelta?: number
  /** Sealed bytes of the first version and of the newest as they were before any rebuild by hand. */
  readonly original: number
  readonly newest: number
  readonly before: HistoryState
  readonly after: HistoryState
  /** Once all but the last ten snapshots were forgotten. */
  readonly left: HistoryState
  readonly restores: readonly VersionRestore[]
  readonly rebuild?: Operation
  readonly forget: Operation
  readonly gc: Operation
}

/** Steps over a vault in which each file has a history. */
export interface ManyHistoriesResult {
  readonly files: number
  /** Of every chain. */
  readonly plan: Operation
  /** Everything that the newest root leads to. */
  readonly live: Operation
  /** Two of three snapshots, where nothing kept rests on what goes. */
  readonly forgetWhole: Operation
  /** The same, with a delta composed for every file. */
  readonly forget: Operation
}

/** Bytes between two friends who can both only dial out. MB are 10⁶ bytes. */
export interface RelayResult {
  /** Through a third friend, or to that friend itself. */
  readonly way: 'relayed' | 'direct'
  readonly mbPerSecond: number
  /** CPU seconds for 100 MB, user and system: of who sends, of the friend between, of who receives. */
  readonly cpuOfSource: number
  readonly cpuOfRelay: number
  readonly cpuOfTarget: number
}

export interface Conditions {
  readonly measuredAt: string
  readonly commit: string
  readonly processor: string
  readonly cores: number
  readonly memory: number
  readonly system: string
  readonly runtime: string
  /** Load averages over one minute when the bench began and ended. */
  readonly loadBefore: number
  readonly loadAfter: number
  readonly seed: number
  /** By tool; a tool that is not installed is not there. */
  readonly versions: Readonly<Record<string, string>>
  /** As it was asked for. */
  readonly command: string
  /** Parts that were taken from an earlier run, and which. */
  readonly earlier?: {
    readonly parts: readonly string[]
    readonly measuredAt: string
    readonly commit: string
  }
}

export interface Results {
  readonly conditions: Conditions
  readonly workloads: readonly WorkloadResult[]
  readonly kernels: readonly KernelResult[]
  readonly growth: readonly GrowthResult[]
  readonly histories: readonly HistoriesResult[]
  readonly manyHistories: readonly ManyHistoriesResult[]
  readonly relay: readonly RelayResult[]
}
