/**
 * Keeping: what friends keep stays as it was, and within the room that was granted.
 *
 * Looks at the disks of friends from outside, each day. What must hold:
 *
 * - A share file under its final name is the share that its name says, to the last bit, and stays it: it may go, and come
 *   again, with the same bytes only. It has that name from before it is acknowledged.
 * - A head file under a name has the same head in it, whenever and with whomever it is seen.
 * - Shares of a vault take no more bytes than its quota at that friend, and all together no more than the friend lends.
 *   A device that drops things may go 64 MiB beyond (docs/fair-use.md); no vault with a quota does so here.
 *
 * What it does not see: bytes that change and change back within a day; disks that the plan spoils (rot, an fsync that fails,
 * a kind of friend who drops what it keeps), where wrong bytes are expected; whether the accounts say the same as the disk.
 */

import { createHash } from 'node:crypto'
import { toHex } from '../protocol/bytes.ts'
import type { VaultId } from '../protocol/ids.ts'
import { keyOfName } from '../src/store/share-files.ts'
import { StoryError } from './errors.ts'
import type { Friend } from './grid.ts'
import type { VolumeFile } from './volume.ts'
import { readHead, readShare } from './witness-files.ts'

const SHARE = /^shares\/([0-9a-f]{64})\/[^/]+\/([^/]+\.share)$/
const HEAD = /^heads\/[0-9a-f]{64}\/(\d{14}-([0-9a-f]{32}))\.head$/

/** What the roster and the friends promise. */
export interface Promised {
  /** Bytes that a vault may keep at each friend; undefined without a quota. */
  readonly quotaOf: (vault: string) => number | undefined
  /** Bytes that this friend lends. */
  readonly capacityOf: (friend: Friend) => number
  /** Whether wrong bytes may lie on this friend's disk. */
  readonly isSpoilt: (friend: Friend) => boolean
}

export class Keeping {
  readonly #promised: Promised
  /** Sizes of files that were looked into: their bytes cannot change but by growing. */
  readonly #seen = new WeakMap<VolumeFile, number>()
  /** Digests of shares by friend and path, and of heads by name. */
  readonly #digests = new Map<string, string>()
  /** Files looked into so far. */
  shares = 0
  heads = 0

  constructor(promised: Promised) {
    this.#promised = promised
  }

  /** @throws {StoryError} */
  look(friends: Iterable<Friend>): void {
    for (const friend of friends) this.#lookAt(friend)
  }

  #lookAt(friend: Friend): void {
    const sizes = new Map<string, number>()
    for (const { path, file } of friend.machine.volume.files()) {
      const [, vault, name] = SHARE.exec(path) ?? []
      if (vault !== undefined && name !== undefined) {
        sizes.set(vault, (sizes.get(vault) ?? 0) + file.size)
        if (this.#isNews(file, path)) this.#checkShare(friend, { vault, name, path, file })
      } else if (HEAD.test(path) && this.#isNews(file, path)) this.#checkHead(friend, path, file)
    }
    this.#checkRoom(friend, sizes)
  }

  /** @returns whether the file was not looked into yet */
  #isNews(file: VolumeFile, path: string): boolean {
    const size = this.#seen.get(file)
    if (size === undefined) this.#seen.set(file, file.size)
    else if (size !== file.size) throw new StoryError(`${path} was ${size} bytes, is ${file.size}`)
    return size === undefined
  }

  #checkShare(
    friend: Friend,
    share: {
      readonly vault: string
      readonly name: string
      readonly path: string
      readonly file: VolumeFile
    },
  ): void {
    if (this.#promised.isSpoilt(friend)) return
    const { vault, name, path, file } = share
    const key = keyOfName(vault as VaultId, name)
    if (key === undefined || readShare(key.pack, key.shareNumber, file) === undefined) {
      throw new StoryError(`${path} at ${friend.name} is not the share that its name says`)
    }
    this.shares += 1
    this.#assertSame(`${path} at ${friend.name}`, file.read(0, file.size))
  }

  #checkHead(friend: Friend, path: string, file: VolumeFile): void {
    if (this.#promised.isSpoilt(friend)) return
    const [, name = '', id = ''] = HEAD.exec(path) ?? []
    const head = readHead(file)
    if (head === undefined || !toHex(head.id).startsWith(id)) {
      throw new StoryError(`${path} at ${friend.name} is not the head that its name says`)
    }
    this.heads += 1
    this.#assertSame(`head ${name}`, head.id)
  }

  #assertSame(what: string, bytes: Uint8Array): void {
    const digest = createHash('sha256').update(bytes).digest('hex')
    const known = this.#digests.get(what)
    if (known !== undefined && known !== digest) throw new StoryError(`${what} has other bytes now`)
    this.#digests.set(what, digest)
  }

  #checkRoom(friend: Friend, sizes: ReadonlyMap<string, number>): void {
    const { quotaOf, capacityOf } = this.#promised
    let sum = 0
    for (const [vault, size] of sizes) {
      sum += size
      const quota = quotaOf(vault)
      if (quota !== undefined && size > quota) {
        throw new StoryError(`${friend.name} keeps ${size} bytes of a vault that may have ${quota}`)
      }
    }
    const capacity = capacityOf(friend)
    if (sum > capacity)
      throw new StoryError(`${friend.name} keeps ${sum} bytes and lends ${capacity}`)
  }
}
