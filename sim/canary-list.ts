/**
 * Canaries: known bugs of other backup programs, as changes to the text of our own source.
 *
 * The seeds of the simulator must find each of them. None is in the product: sim/canary-hook.ts puts one in
 * when its file is loaded, in a process of its own. A text that is not there exactly once is an error, so a
 * canary follows the code or says that it cannot.
 */

export interface Canary {
  readonly name: string
  /** What goes wrong in a program that has it. */
  readonly bug: string
  /** From the top of the source tree. */
  readonly file: string
  /** The text to find, exactly once. */
  readonly text: string
  readonly replacement: string
  readonly foundBy: Hunt
}

/** The story that finds it, as `npm run sim` plays it. */
export interface Hunt {
  readonly story: 'plans' | 'classic' | 'histories' | 'hostile'
  /** It must be found within so many, the first being 1. */
  readonly seeds: number
  readonly options?: readonly string[]
}

/** Five friends and two days: seconds for each seed. */
const SHORT = ['--peers', '5', '--days', '2']
const LONGER = ['--peers', '5', '--days', '5']
const DAYS = ['--days', '8', '--budget', 'within']
const ROOFS = ['--peers', '8', '--days', '8', '--budget', 'within']
const MONTHS = ['--peers', '5', '--days', '60']
const ATTACK = ['--sessions', '30']
const SIEGE = ['--sessions', '150']

export const CANARIES: readonly Canary[] = [
  {
    name: 'stored-before-sync',
    bug: 'a peer says "stored" before the share would survive a power cut',
    file: 'src/store/share-upload.ts',
    text: '    await this.#place.file.sync()\n',
    replacement: '',
    foundBy: { story: 'plans', seeds: 20, options: DAYS },
  },
  {
    name: 'name-before-sync',
    bug: 'a share has its name, and the folder is not synced',
    file: 'src/store/share-store.ts',
    text: '      await this.#disk.rename(path, pathOf(key))\n      await this.#disk.syncFolder(folderOf(key))\n',
    replacement: '      await this.#disk.rename(path, pathOf(key))\n',
    foundBy: { story: 'plans', seeds: 5, options: DAYS },
  },
  {
    name: 'state-before-sync',
    bug: "the client's own state is renamed into place, and the folder is not synced",
    file: 'src/store/whole-file.ts',
    text: '  await disk.syncFolder(folder)\n',
    replacement: '',
    foundBy: { story: 'classic', seeds: 20, options: SHORT },
  },
  {
    name: 'head-before-packs',
    bug: 'a head is published while packs that it needs lie at too few friends',
    file: 'src/backup/uploader.ts',
    text: "this.#parts.packs.unpublished().filter((pack) => pack.state === 'sealed')",
    replacement: '[] as PackRow[]',
    foundBy: { story: 'plans', seeds: 40, options: DAYS },
  },
  {
    name: 'head-at-one',
    bug: 'a head counts as published once one friend has it',
    file: 'src/backup/publisher.ts',
    text: 'if (receipts.length < needed) {',
    replacement: 'if (receipts.length < 1) {',
    foundBy: { story: 'plans', seeds: 60, options: DAYS },
  },
  {
    name: 'no-delay',
    bug: 'what is released goes the next day, and not after a month',
    file: 'src/store/share-releases.ts',
    text: 'RELEASE_DELAY_MS = 30 *',
    replacement: 'RELEASE_DELAY_MS = 1 *',
    foundBy: { story: 'histories', seeds: 5, options: MONTHS },
  },
  {
    name: 'leaves-unchecked',
    bug: 'what a friend answers is not compared with the root of its share',
    file: 'src/grid/read-pack.ts',
    text: '  verifyLeaves(shape, run.first, bytes, proof)\n',
    replacement: '',
    foundBy: { story: 'hostile', seeds: 3, options: ATTACK },
  },
  {
    name: 'wrong-base',
    bug: 'what is composed when the middle of a chain is forgotten rests on the wrong version',
    file: 'src/repair/thinner.ts',
    text: '      base: base.id,\n',
    replacement: '      base: path[0]!.id,\n',
    foundBy: { story: 'histories', seeds: 8, options: MONTHS },
  },
  {
    name: 'numbers-again',
    bug: 'after a recovery pack numbers begin anew',
    file: 'src/restore/local-state.ts',
    text: "Math.max(numberMax, settings.counter('pack number'))",
    replacement: "settings.counter('pack number')",
    foundBy: { story: 'classic', seeds: 20, options: SHORT },
  },
  {
    name: 'one-roof',
    bug: 'two shares under one roof count as two',
    file: 'src/grid/place-pack.ts',
    text: '  return happiness(layout)\n',
    replacement: '  return holders.size\n',
    foundBy: { story: 'plans', seeds: 40, options: ROOFS },
  },
  {
    name: 'quota-late',
    bug: 'a quota is looked at when the share is there',
    file: 'src/store/share-room.ts',
    text: "if (bytes > quota) return 'quota'",
    replacement: "if (accounts.counted(vault) > quota) return 'quota'",
    foundBy: { story: 'hostile', seeds: 4, options: SIEGE },
  },
  {
    name: 'pins-ignored',
    bug: 'a pin is no reason to keep a snapshot',
    file: 'src/repair/retention.ts',
    text: 'isWanted || snapshot.row.isPinned',
    replacement: 'isWanted',
    foundBy: { story: 'histories', seeds: 10, options: MONTHS },
  },
  {
    name: 'recorded-early',
    bug: 'a file counts as kept before the pack it lies in is on disk',
    file: 'src/backup/finished-files.ts',
    text: 'this.#parts.uploader.has(pack)',
    replacement: 'pack > 0',
    foundBy: { story: 'plans', seeds: 100, options: DAYS },
  },
  {
    name: 'key-again',
    bug: 'all objects of a run are sealed with the key of the first',
    file: 'src/codec/seal.ts',
    text: 'Uint8Array.of(ordinal))',
    replacement: 'Uint8Array.of(0))',
    foundBy: { story: 'plans', seeds: 5, options: DAYS },
  },
  {
    name: 'names-told',
    bug: 'the log tells which file is backed up',
    file: 'src/backup/drain.ts',
    text: '      const file = this.#pathOf(row)\n',
    replacement: `      const file = this.#pathOf(row)
      this.#parts.log.info('file', { path: Buffer.from(row.key).toString('latin1') })
`,
    foundBy: { story: 'plans', seeds: 5, options: DAYS },
  },
  {
    name: 'hints-late',
    bug: 'what a watcher tells while a backup runs is thrown away at its end',
    file: 'src/node/follower.ts',
    text: `      this.#hints.clear()
      try {
        await this.#backUp(this.#present(roots), hints, signal)
`,
    replacement: `      try {
        await this.#backUp(this.#present(roots), hints, signal)
        this.#hints.clear()
`,
    foundBy: { story: 'plans', seeds: 100, options: DAYS },
  },
  {
    name: 'old-head',
    bug: 'a machine that came back from an old image goes on from the head it knows',
    file: 'src/node/vault-session.ts',
    text: 'newest.head.sequence <= known) {',
    replacement: 'known > 0) {',
    foundBy: { story: 'classic', seeds: 20, options: LONGER },
  },
  {
    name: 'helper-looks-only',
    bug: 'a helper sees which shares are lost, and makes none of them again',
    file: 'src/node/helper-round.ts',
    text: 'worker.repair(judged, { budget }, signal)',
    replacement: 'worker.repair(judged, { budget: 0 }, signal)',
    foundBy: { story: 'plans', seeds: 100, options: DAYS },
  },
]
