/**
 * Live files: backups of a file that somebody works on meanwhile, and what comes back of it.
 *
 * Each round changes the file at steps between its opening and the end of the run, restores what was published,
 * and backs up once more in peace.
 */

import { expect } from 'vitest'
import { equal } from '../../protocol/bytes.ts'
import { toBytes, toText, type FileNode } from '../../sim/file-tree.ts'
import { SimRandom } from '../../sim/random.ts'
import { HOME, noise, TestVault } from './test-vault.ts'

const KIB = 1024
const NAME = 'live'
const PATH = `${HOME}/${NAME}`

/** Sizes of the file, bytes: small files, those read by themselves, those of several pieces. */
const SIZES = [0, 700, 9 * KIB, 300 * KIB, 1_500 * KIB, 4_100 * KIB]

/** Grains of file times, ns: ext4's on most machines, older systems', FAT's. */
const TICKS = [1_000, 4_000_000, 1_000_000_000, 2_000_000_000]

export const CHANGES = [
  'append',
  'truncate',
  'rewrite',
  'rename over',
  'mapped',
  'same tick',
  'touch',
  'remove',
] as const

export type Change = (typeof CHANGES)[number]

export interface Round {
  readonly seed: number
  /** How the file was labelled in each round, and what was done to it. */
  readonly label: string
  readonly changes: readonly Change[]
}

/** @returns what became of each round; @throws where a promise is broken */
export async function playLiveRounds(seed: number, rounds: number): Promise<Round[]> {
  const random = new SimRandom(seed)
  const vault = new TestVault({ peers: 3, seed, fileTimeStep: random.pick(TICKS) })
  const played: Round[] = []
  await vault.tell(async () => {
    vault.laptop.filesTrouble.hasClones = random.chance(0.2)
    for (let round = 0; round < rounds; round += 1) {
      played.push({ seed, ...(await playRound(vault, random)) })
    }
  })
  return played
}

async function playRound(vault: TestVault, random: SimRandom): Promise<Omit<Round, 'seed'>> {
  const { tree, filesTrouble } = vault.laptop
  if (!tree.has(toBytes(PATH)) || random.chance(0.3)) {
    vault.write(NAME, noise(random.pick(SIZES), random.u32()))
    await vault.world.scheduler.sleep(60_000)
    await vault.backUp()
  }
  await vault.world.scheduler.sleep(60_000)
  const node = (): FileNode => tree.node(toBytes(PATH))
  tree.write(node(), random.below(node().size + 1), noise(random.between(1, 5_000), random.u32()))
  const states = [node().read(0, 1e9)]
  const changes: Change[] = []
  let [steps, next] = [0, random.below(6)]
  let isAgain = false
  const isBusy = random.chance(0.3)
  const kinds = CHANGES.filter(() => random.chance(0.4))
  filesTrouble.onStep = (_operation, path) => {
    if (toText(path) !== PATH || kinds.length === 0) return
    if (isAgain && tree.has(toBytes(PATH))) {
      isAgain = false
      apply('same tick', vault, random)
      states.push(node().read(0, 1e9))
    }
    if (steps++ !== next) return
    next += isBusy ? 1 : random.between(1, 12)
    if (!isBusy && changes.length >= 3) return
    const change = random.pick(kinds)
    changes.push(change)
    apply(change, vault, random)
    isAgain = change === 'same tick'
    if (tree.has(toBytes(PATH))) states.push(node().read(0, 1e9))
  }
  const summary = await vault.backUp()
  filesTrouble.onStep = undefined
  expect(summary.published).toBe(true)

  const label = await labelOf(vault)
  const { content: restored, warnings } = await restoredOf(vault)
  const isWarned = warnings.some((text) => text.includes('may be a mixture of moments'))
  expect([label, isWarned]).toEqual([label, label === 'fuzzy'])
  if (label !== undefined) {
    expect(restored).toBeDefined()
    const isState = states.some((state) => equal(state, restored!))
    // What a mapping writes silently shows to nobody.
    if (label !== 'fuzzy' && !changes.includes('mapped'))
      expect([label, isState]).toEqual([label, true])
  }

  await vault.world.scheduler.sleep(60_000)
  if (changes.includes('mapped') && tree.has(toBytes(PATH))) touch(node(), vault)
  await vault.backUp()
  const now = tree.has(toBytes(PATH)) ? node().read(0, 1e9) : undefined
  const { content: later } = await restoredOf(vault)
  expect(later === undefined).toBe(now === undefined)
  if (now !== undefined) expect(equal(later!, now)).toBe(true)
  return { label: label ?? 'none', changes }
}

function apply(change: Change, vault: TestVault, random: SimRandom): void {
  const { tree } = vault.laptop
  const path = toBytes(PATH)
  if (!tree.has(path)) return vault.write(NAME, noise(random.pick(SIZES), random.u32()))
  const node = tree.node(path)
  const bytes = noise(random.between(1, 3_000), random.u32())
  const at = random.below(Math.max(1, node.size))
  switch (change) {
    case 'append':
      return tree.write(node, node.size, bytes)
    case 'truncate':
      return tree.truncate(node, random.below(node.size + 1))
    case 'rewrite':
      return tree.write(node, Math.max(0, Math.min(at, node.size - bytes.length)), bytes)
    case 'rename over':
      vault.write(`${NAME}.part`, noise(random.pick(SIZES), random.u32()))
      return tree.rename(toBytes(`${PATH}.part`), path)
    case 'same tick':
      // Of the same size, and once more at the next step.
      return tree.write(node, at, bytes.subarray(0, Math.min(bytes.length, node.size - at)))
    case 'mapped': {
      // Through a mapping nothing is said while it goes on.
      const { mtime, ctime } = node.status()
      tree.write(node, at, bytes.subarray(0, Math.min(bytes.length, node.size - at)))
      node.mtime = mtime
      node.ctime = ctime
      return
    }
    case 'touch':
      return touch(node, vault)
    case 'remove':
      return tree.remove(path)
  }
}

function touch(node: FileNode, vault: TestVault): void {
  vault.laptop.tree.setAttributes(node, { mtime: { ...node.status().mtime, nanoseconds: 1 } })
}

/** Of the version that stands there now. */
async function labelOf(vault: TestVault): Promise<string | undefined> {
  const history = await vault.withClient((client, signal) => client.history(toBytes(PATH), signal))
  const span = history?.spans.find(({ until }) => until === undefined)
  const { what } = span ?? {}
  if (what?.kind !== 'file') return undefined
  return history?.versions.find(({ id }) => id === what.version)?.label
}

async function restoredOf(
  vault: TestVault,
): Promise<{ readonly content: Uint8Array | undefined; readonly warnings: readonly string[] }> {
  const { picture, summary } = await vault.restore()
  expect(summary.failures).toEqual([])
  const { warnings } = summary
  if (!picture.has(`/${NAME}`)) return { content: undefined, warnings }
  const { tree } = vault.laptop
  const folders = tree.node(toBytes('/restore')).names
  const newest = Math.max(...[...folders.keys()].map(Number))
  const content = tree.node(toBytes(`/restore/${newest}${PATH}`)).read(0, 1e9)
  return { content, warnings }
}
