/**
 * Run demo: the whole promise in one sitting, with real processes.
 *
 * Peers start, a vault is made, a tree is backed up three times while it changes. Then as many peers
 * as the code allows die for good, the computer's own state is wiped, and everything must come back
 * from the 24 words and the address of one living peer, equal in every byte and attribute.
 */

import { mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NodeFiles } from '../../adapters/node-files.ts'
import { codeFor } from '../../grid/code.ts'
import { killPeer } from '../grid/peer-process.ts'
import { startLocalGrid, type LocalPeer } from '../grid/local-grid.ts'
import type { Account, SnapshotFigures } from './account.ts'
import { changeTree } from './change-tree.ts'
import { generateTree, TREE_SIZES, type TreeSizeName } from './generate-tree.ts'
import { removeTree } from './remove-tree.ts'
import { DemoStepError, numberIn, recordOf, runCairn } from './run-cairn.ts'
import { Seeded } from './seeded.ts'
import { compareManifests, takeManifest, totals, type TreeManifest } from './tree-manifest.ts'

const ROUNDS = 2

export interface DemoOptions {
  readonly size: TreeSizeName
  readonly peers: number
  readonly seed: number
  /** Leave the folder, and the living peers in it, for a look around. */
  readonly keep: boolean
}

/** What each peer lends: no limit that a demo could meet. */
const CAPACITY = 20_000_000_000

/**
 * @param account - told of each step as it ends
 * @returns how many differences there were between what was backed up and what came back
 */
export async function runDemo(
  options: DemoOptions,
  account: Account,
  signal: AbortSignal,
): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'cairn-demo-'))
  const demo = new Demo(folder, options, account, signal)
  try {
    return await demo.run()
  } finally {
    if (options.keep) account.kept(folder)
    else {
      await demo.killPeers()
      removeTree(folder)
    }
  }
}

class Demo {
  readonly #folder: string
  readonly #options: DemoOptions
  readonly #account: Account
  readonly #signal: AbortSignal
  readonly #files = new NodeFiles()
  #peers: readonly LocalPeer[] = []

  constructor(folder: string, options: DemoOptions, account: Account, signal: AbortSignal) {
    this.#folder = folder
    this.#options = options
    this.#account = account
    this.#signal = signal
  }

  async run(): Promise<number> {
    await this.#startPeers()
    await this.#writeTree()
    await this.#makeVault()
    const memories = await this.#backUpThreeTimes()
    const living = await this.#losePeers()
    await this.#recover(living)

    let differences = 0
    for (const snapshot of [1, memories.length]) {
      const memory = memories[snapshot - 1]
      if (memory !== undefined) differences += await this.#restore(snapshot, memory)
    }
    return differences
  }

  async killPeers(): Promise<void> {
    await Promise.all(this.#peers.map(({ store }) => killPeer(store)))
  }

  async #startPeers(): Promise<void> {
    const { peers } = this.#options
    await this.#step(
      `${peers} storage peers started, each a process with its own store`,
      async () => {
        const grid = await startLocalGrid(
          this.#at('grid'),
          { peers, capacity: CAPACITY },
          this.#signal,
        )
        this.#peers = grid.peers
      },
    )
  }

  async #writeTree(): Promise<void> {
    await this.#step('a tree of files written', async () => {
      mkdirSync(this.#at('files'))
      await generateTree(this.#at('files'), this.#treeOptions())
    })
  }

  async #makeVault(): Promise<void> {
    await this.#step('a vault made; its 24 words are in a file', () =>
      this.#cairn('old home', 'init', '--words-to', this.#at('kit.txt')),
    )
    await this.#step('the grid joined with an invite', () =>
      this.#cairn('old home', 'join', '--code-from', this.#at('grid/invite')),
    )
  }

  /** @returns for each snapshot what the tree was like when it was taken */
  async #backUpThreeTimes(): Promise<TreeManifest[]> {
    const memories: TreeManifest[] = []
    for (let round = 0; round <= ROUNDS; round++) {
      if (round > 0) await changeTree(this.#at('files'), { ...this.#treeOptions(), round })
      memories.push(takeManifest(this.#at('files')))
      const run = await this.#cairn('old home', 'backup', this.#at('files'))
      this.#account.snapshot(figuresOf(recordOf(run, 'summary'), run.durationMs))
    }
    const last = totals(takeManifest(this.#at('files')))
    this.#account.tree(last)
    return memories
  }

  /** Kill as many peers as every pack can bear, and wipe this computer. @returns those left */
  async #losePeers(): Promise<LocalPeer[]> {
    const { needed, total } = codeFor(this.#options.peers)
    const random = new Seeded(this.#options.seed, 'losses')
    const living = [...this.#peers]
    const lost: LocalPeer[] = []
    for (let count = 0; count < total - needed; count++) {
      lost.push(...living.splice(random.below(living.length), 1))
    }
    const names = lost.map(({ number }) => number).toSorted((a, b) => a - b)
    const text = `peers ${names.join(' and ')} killed for good, their stores deleted: ${living.length} of ${this.#options.peers} are left`
    await this.#step(text, async () => {
      await Promise.all(lost.map(({ store }) => killPeer(store)))
      for (const { store } of lost) removeTree(store.folder)
    })
    await this.#step('the computer’s own state wiped: keys, database, everything', async () => {
      removeTree(this.#at('old home'))
      removeTree(this.#at('files'))
    })
    return living
  }

  async #recover(living: readonly LocalPeer[]): Promise<void> {
    const friend = living[new Seeded(this.#options.seed, 'friend').below(living.length)]
    const address = friend?.addresses[0]
    if (friend === undefined || address === undefined) throw new DemoStepError('no peer is left')
    await this.#step(`recovered from the 24 words and the address of peer ${friend.number}`, () =>
      this.#cairn('new home', 'recover', '--words-from', this.#at('kit.txt'), '--peer', address),
    )
    const run = await this.#cairn('new home', 'snapshots')
    if (run.records.length !== ROUNDS + 1) {
      throw new DemoStepError(`${run.records.length} snapshots came back, not ${ROUNDS + 1}`)
    }
  }

  /** @returns how many differences there are */
  async #restore(snapshot: number, memory: TreeManifest): Promise<number> {
    const target = this.#at(`restored ${snapshot}`)
    mkdirSync(target)
    const at = ['--at', String(snapshot), '--target', target]
    const run = await this.#cairn('new home', 'restore', ...at, this.#at('files'))
    const differences = compareManifests(memory, takeManifest(join(target, this.#at('files'))))
    const { files, bytes } = totals(memory)
    this.#account.restored({
      snapshot,
      files,
      bytes,
      fetched: numberIn(recordOf(run, 'summary'), 'bytes_fetched'),
      durationMs: run.durationMs,
      differences,
    })
    return differences.length
  }

  async #step(text: string, work: () => Promise<unknown>): Promise<void> {
    this.#signal.throwIfAborted()
    const startedAt = performance.now()
    await work()
    this.#account.step(text, performance.now() - startedAt)
  }

  #cairn(home: string, ...args: readonly string[]) {
    return runCairn(args, this.#at(home), this.#signal)
  }

  #at(name: string): string {
    return join(this.#folder, name)
  }

  #treeOptions() {
    const { seed, size } = this.#options
    return { seed, size: TREE_SIZES[size], files: this.#files }
  }
}

function figuresOf(summary: Record<string, unknown>, durationMs: number): SnapshotFigures {
  const settling = numberIn(summary, 'shares_settling')
  // Losing peers is only promised to be harmless once every share is in its place.
  if (settling > 0) throw new DemoStepError(`${settling} shares found no peer`)
  return {
    snapshot: Number(summary['snapshot_id']),
    files: numberIn(summary, 'total_files_processed'),
    changed: numberIn(summary, 'files_new') + numberIn(summary, 'files_changed'),
    deltas: numberIn(summary, 'deltas'),
    read: numberIn(summary, 'bytes_read'),
    stored: numberIn(summary, 'data_added'),
    sent: numberIn(summary, 'bytes_sent'),
    durationMs,
  }
}
