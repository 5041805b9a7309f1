/**
 * Witness: what lies on the friends' disks, read from outside, with all keys.
 *
 * It asks no program and takes no time. It opens heads, ledgers and trees from the share files
 * themselves, and so knows what every head needs, and whether that is still there.
 */

import { openLedger, openRoot, type OpenedHead } from '../protocol/head.ts'
import { vaultIdFromBytes, type VaultId } from '../protocol/ids.ts'
import { placeOf } from '../protocol/extents.ts'
import { deriveReadKeys, deriveVaultKeys, type ReadKeys } from '../protocol/keys.ts'
import { decodeLedgerSegment, type LedgerPointer, type PackEntry } from '../protocol/ledger.ts'
import { decodeManifest, type PackId } from '../protocol/manifest.ts'
import type { Reference } from '../protocol/reference.ts'
import { decodeRoot } from '../protocol/root.ts'
import { wordsToRoot } from '../protocol/words.ts'
import { decodePack } from '../src/codec/encode-pack.ts'
import { objectKeyBytes, open } from '../src/codec/seal.ts'
import { liveObjects } from '../src/history/live-objects.ts'
import type { ObjectSource } from '../src/history/objects.ts'
import { snapshots } from '../src/history/snapshot-list.ts'
import { keyOfName, SHARES_FOLDER } from '../src/store/share-files.ts'
import { StoryError } from './errors.ts'
import type { Friend, Friends } from './grid.ts'
import { KeyBook } from './key-book.ts'
import { VolumeFile, type VolumeFolder } from './volume.ts'
import { readHead, readShare, type SoundShare } from './witness-files.ts'
import type { World } from './world.ts'

const DAY_MS = 24 * 3600_000

/** Heads this young must read in full, true time. */
export const HEAD_NEEDED_MS = 30 * DAY_MS

/** A head that some friend has or had. */
export interface SeenHead {
  readonly head: OpenedHead
  /** True time, ms since 1970: the latest at which it cannot have been there yet. */
  readonly since: number
  /** Its pack table, by segment, newest first. */
  readonly segments: readonly (readonly PackEntry[])[]
  /** Snapshots it lists, ascending. */
  readonly snapshots: readonly number[]
}

/** Bytes of shares on the friends' disks. */
export interface Room {
  /** Of what the newest head leads to. */
  readonly needed: number
  /** Of other packs that its ledger names, in release or not. */
  readonly listed: number
  /** Of packs that it does not name. */
  readonly unlisted: number
}

/** What all the friends' disks hold of one pack: by share number, under that name at least. */
interface HeldPack {
  readonly shares: Map<number, VolumeFile[]>
  bytes: number
}

export class Witness {
  readonly #world: World
  readonly #friends: Friends
  readonly #isHonest: (friend: Friend) => boolean
  readonly vault: VaultId
  readonly #keys: ReadKeys
  readonly #heads = new Map<string, SeenHead>()
  readonly #segments = new Map<PackId, ReturnType<typeof decodeLedgerSegment>>()
  /** Whole packs that hold metadata; they never change. */
  readonly #packs = new Map<PackId, Uint8Array>()
  /** Packs of which enough shares were found to be what they should be. */
  readonly #seen = new Set<PackId>()
  readonly #book = new KeyBook()
  #held = new Map<PackId, HeldPack>()
  #lookedAt: number

  /** @param isHonest - whether what lies on a friend's disk is also given back */
  constructor(
    world: World,
    friends: Friends,
    words: string,
    isHonest: (friend: Friend) => boolean = () => true,
  ) {
    const keys = deriveVaultKeys(wordsToRoot(words))
    this.#world = world
    this.#friends = friends
    this.#isHonest = isHonest
    this.vault = vaultIdFromBytes(keys.vaultKey.publicKey)
    this.#keys = deriveReadKeys(keys.readSecret)
    this.#lookedAt = world.scheduler.now
  }

  /** The head that a reader would follow, among friends that are left. */
  get newest(): SeenHead | undefined {
    const shown = this.#shown()
    return shown.reduce<SeenHead | undefined>(
      (a, b) => (a === undefined || isBeyond(b.head, a.head) ? b : a),
      undefined,
    )
  }

  /** Heads that friends have, of this age at most, oldest first. */
  younger(ms: number): SeenHead[] {
    return this.#shown()
      .filter(({ since }) => since > this.#world.scheduler.now - ms)
      .toSorted((a, b) => a.head.sequence - b.head.sequence)
  }

  /** @returns the true time, ms since 1970, before which no head of this sequence was seen */
  publishedAt(sequence: number): number | undefined {
    return this.#shown().findLast(({ head }) => head.sequence === sequence)?.since
  }

  /**
   * Look at all disks: learn of new heads, and see that no pack of a young one lacks shares.
   *
   * @throws {StoryError}
   */
  async look(): Promise<void> {
    this.#held = this.#count()
    const since = this.#lookedAt
    this.#lookedAt = this.#world.scheduler.now
    for (const [name, file] of this.#headFiles()) {
      if (this.#heads.has(name)) continue
      const head = readHead(file)
      if (head !== undefined) this.#heads.set(name, await this.#open(head, since))
    }
    const checked = new Set<readonly PackEntry[]>()
    for (const one of this.younger(HEAD_NEEDED_MS)) {
      for (const segment of one.segments) {
        if (checked.has(segment)) continue
        checked.add(segment)
        for (const pack of segment) await this.#assertHeld(pack, one)
      }
    }
  }

  /**
   * What a friend keeps under a share's name is that share: it was synced before it got the name.
   *
   * @param isHonest - whether nothing has spoilt this friend's disk
   * @throws {StoryError}
   */
  assertSound(isHonest: (name: string) => boolean): void {
    for (const { name, machine } of this.#honest) {
      if (!isHonest(name)) continue
      for (const { path, file } of machine.volume.files()) {
        const key = keyOfName(this.vault, path.slice(path.lastIndexOf('/') + 1))
        if (key === undefined || !path.startsWith(`${SHARES_FOLDER}/${this.vault}/`)) continue
        if (readShare(key.pack, key.shareNumber, file) !== undefined) continue
        throw new StoryError(`${name} keeps a share that is not what it should be: ${path}`)
      }
    }
  }

  /**
   * Walk all that a head leads to.
   *
   * @returns the packs it needs
   * @throws {StoryError} one of them is gone
   */
  async walk({ head, segments }: SeenHead): Promise<Set<PackId>> {
    const table = tableOf(segments)
    const needed = new Set<PackId>()
    const told = `head ${head.sequence}`
    try {
      await liveObjects(openRoot(head, this.#keys.headKey), this.#source(table), (reference) => {
        const { pack } = reference
        const entry = table.get(pack)
        if (entry === undefined) throw new StoryError(`${told}: its ledger lacks pack ${pack}`)
        needed.add(entry.id)
        if (this.#sound(entry.id, entry.needed).length < entry.needed) {
          throw new StoryError(`${told} needs pack ${pack}, and it is gone (${entry.id})`)
        }
        this.#noteKey(entry, reference)
      })
    } catch (error) {
      if (error instanceof StoryError) throw error
      throw new StoryError(`${told} cannot be read: ${String(error)}`, { cause: error })
    }
    return needed
  }

  /**
   * What friends hold for the vault, by what the newest head makes of it.
   *
   * @param needed - packs that its tree needs
   */
  room(needed: ReadonlySet<PackId>): Room {
    const { newest } = this
    if (newest === undefined) throw new StoryError('nobody has a head')
    const pointer = openLedger(newest.head, this.#keys.ledgerKey)
    const { previous, released } = this.#segment(pointer)
    const ledgers = new Set([pointer, ...previous].map(({ pack }) => pack))
    const listed = new Set([...tableOf(newest.segments).values()].map(({ id }) => id))
    for (const { packs } of released) for (const { id } of packs) listed.add(id)
    const room = { needed: 0, listed: 0, unlisted: 0 }
    for (const [id, { bytes }] of this.#held) {
      if (needed.has(id) || ledgers.has(id)) room.needed += bytes
      else if (listed.has(id)) room.listed += bytes
      else room.unlisted += bytes
    }
    return room
  }

  /** A pack of the table is gone: that is well only where the head's tree does without it. */
  async #assertHeld(pack: PackEntry, seen: SeenHead): Promise<void> {
    if (this.#isHeld(pack)) return
    const table = tableOf(seen.segments)
    if (table.get(pack.number)?.id !== pack.id) return
    const needed = await this.walk(seen)
    if (needed.has(pack.id)) throw new StoryError(`pack ${pack.number} is gone`)
  }

  /** Shares are read when their pack is new; later it is enough that they are there. */
  #isHeld({ id, needed }: PackEntry): boolean {
    if ((this.#held.get(id)?.shares.size ?? 0) < needed) return false
    if (this.#seen.has(id)) return true
    if (this.#sound(id, needed).length < needed) return false
    this.#seen.add(id)
    return true
  }

  get #honest(): readonly Friend[] {
    return this.#friends.left.filter(this.#isHonest)
  }

  #shown(): SeenHead[] {
    const names = new Set([...this.#headFiles()].map(([name]) => name))
    return [...this.#heads].flatMap(([name, seen]) => (names.has(name) ? [seen] : []))
  }

  *#headFiles(): Generator<[string, VolumeFile]> {
    for (const { machine } of this.#honest) {
      const folder = machine.volume.folder(`heads/${this.vault}`)
      for (const [name, file] of folder?.names ?? []) {
        if (name.endsWith('.head') && file instanceof VolumeFile) yield [name, file]
      }
    }
  }

  #count(): Map<PackId, HeldPack> {
    const held = new Map<PackId, HeldPack>()
    for (const { machine } of this.#honest) {
      const root = machine.volume.folder(`${SHARES_FOLDER}/${this.vault}`)
      for (const folder of root?.names.values() ?? []) {
        if (!(folder instanceof VolumeFile)) this.#countFolder(folder, held)
      }
    }
    return held
  }

  #countFolder(folder: VolumeFolder, held: Map<PackId, HeldPack>): void {
    for (const [name, file] of folder.names) {
      const key = keyOfName(this.vault, name)
      if (key === undefined || !(file instanceof VolumeFile)) continue
      const pack = held.get(key.pack) ?? { shares: new Map(), bytes: 0 }
      pack.shares.set(key.shareNumber, [...(pack.shares.get(key.shareNumber) ?? []), file])
      pack.bytes += file.size
      held.set(key.pack, pack)
    }
  }

  async #open(head: OpenedHead, since: number): Promise<SeenHead> {
    const newest = this.#segment(openLedger(head, this.#keys.ledgerKey))
    const older = newest.previous.map((pointer) => this.#segment(pointer))
    const segments = [newest, ...older].map(({ packs }) => packs)
    const source = this.#source(tableOf(segments))
    const root = decodeRoot(await source.read(openRoot(head, this.#keys.headKey), 'root'))
    const listed: number[] = []
    for await (const { sequence } of snapshots(root.snapshots, source)) listed.push(sequence)
    return { head, since, segments, snapshots: listed.toReversed() }
  }

  #segment({ pack, offset, length, key }: LedgerPointer) {
    const known = this.#segments.get(pack)
    if (known !== undefined) return known
    const sealed = this.#pack(pack).subarray(offset, offset + length)
    const segment = decodeLedgerSegment(open(sealed, { type: 'raw', secret: key }).body)
    this.#segments.set(pack, segment)
    return segment
  }

  #source(table: ReadonlyMap<number, PackEntry>): ObjectSource {
    return {
      read: async (reference, kind) => {
        const { pack, length, key } = reference
        const entry = table.get(pack)
        if (entry === undefined) throw new StoryError(`no ledger has pack ${pack}`)
        const from = placeOf(entry, reference)
        if (from === undefined) throw new StoryError(`pack ${pack} was copied without it`)
        const found = open(this.#pack(entry.id).subarray(from, from + length), key)
        if (found.kind !== kind) throw new StoryError(`a ${found.kind} in place of a ${kind}`)
        return found.body
      },
    }
  }

  #noteKey(entry: PackEntry, reference: Reference): void {
    const from = placeOf(entry, reference)
    if (from === undefined) return
    const bytes = (): Uint8Array | undefined => {
      const isThere = this.#sound(entry.id, entry.needed).length === entry.needed
      return isThere ? this.#pack(entry.id).subarray(from, from + reference.length) : undefined
    }
    this.#book.note(objectKeyBytes(reference.key), { place: `${entry.id} ${from}`, bytes })
  }

  /** The whole pack, from whatever shares there are. */
  #pack(id: PackId): Uint8Array {
    const known = this.#packs.get(id)
    if (known !== undefined) return known
    const [first] = this.#sound(id, 1)
    if (first === undefined) throw new StoryError(`no friend has a share of pack ${id}`)
    const manifest = decodeManifest(first.manifest)
    const pack = decodePack(manifest, this.#sound(id, manifest.needed))
    this.#packs.set(id, pack)
    return pack
  }

  /** @returns shares with numbers of their own that are what they should be; no more than so many */
  #sound(id: PackId, countMax: number): SoundShare[] {
    const shares: SoundShare[] = []
    for (const [index, files] of this.#held.get(id)?.shares ?? []) {
      if (shares.length === countMax) break
      const [share] = files.flatMap((file) => readShare(id, index, file) ?? [])
      if (share !== undefined) shares.push(share)
    }
    return shares
  }
}

/** Where two segments give the same number, the newer one holds. */
function tableOf(segments: readonly (readonly PackEntry[])[]): Map<number, PackEntry> {
  const table = new Map<number, PackEntry>()
  for (const segment of segments.toReversed()) {
    for (const entry of segment) table.set(entry.number, entry)
  }
  return table
}

function isBeyond(a: OpenedHead, b: OpenedHead): boolean {
  return a.epoch > b.epoch || (a.epoch === b.epoch && a.sequence > b.sequence)
}
