/**
 * Share book: which peer holds which share of which pack, and what that makes of the packs; no time, no chance.
 *
 * A share may lie at several peers: one that was given up and comes back brings what was made again meanwhile.
 * So each share has two counts of holders: those that *live*, whatever anybody knows of it, and those that
 * *count*, since they were not given up. A pack has as many living or counting shares as have a holder of that
 * sort. Friends are silent for days much more often than for good; so a peer that is *missed* costs each of
 * its packs one addition, and how many shares were seen lately is counted only where they may be too few.
 *
 * What a peer holds is a list of chunks through arrays, so a peer that goes takes the time of what it held, and
 * nothing is allocated. Words: docs/placement.md
 */

import type { Code } from '../grid/code.ts'

const NONE = -1

/** Copies beyond one for each share, and holders of a pack beyond its shares: only false repairs make them. */
const SPARE_COPIES = 1.25
const SPARE_HOLDERS = 4

/** Copies in one chunk of a list, at most: enough for them to be read in a row. */
const CHUNK_MAX = 64

/** A copy is its pack and the share's number in it, in one word. */
const INDEX_BITS = 8
const INDEX_MASK = 255

export interface BookShape {
  readonly code: Code
  /** At most 2²⁴. */
  readonly packs: number
  /** Places for peers: who comes after another has the same place. */
  readonly peers: number
}

/** Hears of packs. */
export interface PackListener {
  /** @param before - living shares until now */
  livingChanged(pack: number, before: number): void
  /** Fewer of its shares count, or may have been seen lately. */
  isWorse(pack: number): void
}

export class ShareBook {
  readonly total: number
  readonly packs: number
  readonly peers: number
  /** For each pack: distinct shares with such a holder. */
  readonly living: Uint16Array
  readonly counting: Uint16Array
  /** For each pack: copies of its shares at peers that are missed and count. */
  readonly missed: Uint16Array
  /** For each peer: not seen for days. */
  readonly #isMissed: Uint8Array
  /** For each share: holders of that sort. */
  readonly #livingHolders: Uint8Array
  readonly #countingHolders: Uint8Array
  /** For each share: who got it last, as −1 − peer where it is gone from there. */
  readonly #holder: Int32Array
  /** For each pack: older copies of its shares, as peer and index; and whether it ever had one. */
  readonly #older: Int32Array
  readonly #hasOlder: Uint8Array
  /** For each peer: the newest chunk of its list, and copies in that. */
  readonly #first: Int32Array
  readonly #filled: Uint8Array
  readonly #copies: Uint32Array
  readonly #next: Int32Array
  readonly #chunk: number
  #free = 0
  /** What one peer holds, while it is gone through. */
  readonly #list: Uint32Array
  readonly #listener: PackListener

  constructor({ code, packs, peers }: BookShape, listener: PackListener) {
    const shares = packs * code.total
    let chunk = 1
    while (chunk < CHUNK_MAX && 8 * chunk * peers < shares) chunk *= 2
    const chunks = Math.ceil((shares * SPARE_COPIES) / chunk) + 2 * peers
    this.total = code.total
    this.packs = packs
    this.peers = peers
    this.living = new Uint16Array(packs)
    this.counting = new Uint16Array(packs)
    this.missed = new Uint16Array(packs)
    this.#isMissed = new Uint8Array(peers)
    this.#livingHolders = new Uint8Array(shares)
    this.#countingHolders = new Uint8Array(shares)
    this.#holder = new Int32Array(shares)
    this.#older = new Int32Array(packs * SPARE_HOLDERS)
    this.#hasOlder = new Uint8Array(packs)
    this.#first = new Int32Array(peers)
    this.#filled = new Uint8Array(peers)
    this.#copies = new Uint32Array(chunks * chunk)
    this.#next = new Int32Array(chunks)
    this.#chunk = chunk
    this.#list = new Uint32Array(packs)
    this.#listener = listener
    this.clear()
  }

  /** Nobody holds anything. */
  clear(): void {
    this.living.fill(0)
    this.counting.fill(0)
    this.missed.fill(0)
    this.#isMissed.fill(0)
    this.#livingHolders.fill(0)
    this.#countingHolders.fill(0)
    this.#holder.fill(NONE)
    this.#older.fill(NONE)
    this.#hasOlder.fill(0)
    this.#first.fill(NONE)
    this.#filled.fill(0)
    for (let chunk = 0; chunk < this.#next.length; chunk += 1) this.#next[chunk] = chunk + 1
    this.#next[this.#next.length - 1] = NONE
    this.#free = 0
  }

  /** @returns the peer that got this share last and has it; −1 − the last one that had it where nobody has */
  holder(share: number): number {
    return this.#holder[share]!
  }

  isCounting(share: number): boolean {
    return this.#countingHolders[share]! > 0
  }

  isLiving(share: number): boolean {
    return this.#livingHolders[share]! > 0
  }

  /** @returns distinct shares of a pack that count and whose holder is not missed */
  seen(pack: number): number {
    if (this.missed[pack] === 0) return this.counting[pack]!
    let seen = 0
    for (let share = pack * this.total; share < (pack + 1) * this.total; share += 1) {
      if (this.isSeen(share)) seen += 1
    }
    return seen
  }

  /** Whether somebody has it who counts and is not missed. */
  isSeen(share: number): boolean {
    const peer = this.#holder[share]!
    if (peer >= 0 && this.#isMissed[peer] === 0) return true
    const pack = Math.floor(share / this.total)
    if (this.#hasOlder[pack] === 0) return false
    const index = share - pack * this.total
    const from = pack * SPARE_HOLDERS
    for (let at = from; at < from + SPARE_HOLDERS; at += 1) {
      const older = this.#older[at]!
      if (older === NONE || (older & INDEX_MASK) !== index) continue
      if (this.#isMissed[older >>> INDEX_BITS] === 0) return true
    }
    return false
  }

  /** @returns peers that have the share, the one that got it last first */
  holdersOf(share: number): number[] {
    const pack = Math.floor(share / this.total)
    const older = this.#older.subarray(pack * SPARE_HOLDERS, (pack + 1) * SPARE_HOLDERS)
    const index = share - pack * this.total
    const others = [...older].filter((each) => each !== NONE && (each & INDEX_MASK) === index)
    return [this.#holder[share]!, ...others.map((each) => each >>> INDEX_BITS)].filter(
      (peer) => peer >= 0,
    )
  }

  /** Give a share to a peer that is here and has none of its pack. */
  place(pack: number, index: number, peer: number): void {
    if (!this.#append(peer, (pack << INDEX_BITS) | index)) return
    const share = pack * this.total + index
    const former = this.#holder[share]!
    if (former >= 0) this.#noteOlder(pack, (former << INDEX_BITS) | index)
    this.#holder[share] = peer
    if (this.#countingHolders[share]!++ === 0) this.counting[pack]! += 1
    if (this.#livingHolders[share]!++ === 0) {
      const before = this.living[pack]!++
      this.#listener.livingChanged(pack, before)
    }
  }

  /** A peer is gone for good, and nobody knows. */
  kill(peer: number): void {
    const count = this.#read(peer)
    for (let index = 0; index < count; index += 1) {
      const copy = this.#list[index]!
      const pack = copy >>> INDEX_BITS
      const share = pack * this.total + (copy & INDEX_MASK)
      if (--this.#livingHolders[share]! > 0) continue
      const before = this.living[pack]!--
      this.#listener.livingChanged(pack, before)
    }
  }

  /**
   * A peer was not seen for days. A pack of which fewer shares count than it has is due already.
   *
   * @param bearable - a pack with more such holders is told
   */
  miss(peer: number, bearable: number): void {
    this.#isMissed[peer] = 1
    // Friends are missed and seen far more often than anything else happens: their lists are read in place.
    let filled = this.#filled[peer]!
    for (let chunk = this.#first[peer]!; chunk !== NONE; chunk = this.#next[chunk]!) {
      const from = chunk * this.#chunk
      for (let at = from; at < from + filled; at += 1) {
        const pack = this.#copies[at]! >>> INDEX_BITS
        const missed = this.missed[pack]! + 1
        this.missed[pack] = missed
        if (missed > bearable) this.#listener.isWorse(pack)
      }
      filled = this.#chunk
    }
  }

  /** A peer that was missed is seen again, or is given up. */
  #unmiss(peer: number): void {
    let filled = this.#filled[peer]!
    for (let chunk = this.#first[peer]!; chunk !== NONE; chunk = this.#next[chunk]!) {
      const from = chunk * this.#chunk
      for (let at = from; at < from + filled; at += 1) {
        this.missed[this.#copies[at]! >>> INDEX_BITS]! -= 1
      }
      filled = this.#chunk
    }
  }

  /** A peer that was missed and not given up is seen again. */
  see(peer: number): void {
    this.#isMissed[peer] = 0
    this.#unmiss(peer)
  }

  /** A peer is given up; it was missed before, and is seen by nobody. */
  giveUp(peer: number): void {
    this.#unmiss(peer)
    const count = this.#read(peer)
    for (let index = 0; index < count; index += 1) {
      const copy = this.#list[index]!
      const pack = copy >>> INDEX_BITS
      const share = pack * this.total + (copy & INDEX_MASK)
      if (--this.#countingHolders[share]! === 0) this.counting[pack]! -= 1
      if (this.counting[pack]! < this.total) this.#listener.isWorse(pack)
    }
  }

  /** A peer that was given up is back; what it holds counts, and is seen. */
  takeBack(peer: number): void {
    this.#isMissed[peer] = 0
    const count = this.#read(peer)
    for (let index = 0; index < count; index += 1) {
      const copy = this.#list[index]!
      const pack = copy >>> INDEX_BITS
      const share = pack * this.total + (copy & INDEX_MASK)
      if (this.#countingHolders[share]!++ === 0) this.counting[pack]! += 1
    }
  }

  /** A peer that is gone and given up has nothing any more: its place is free. */
  empty(peer: number): void {
    this.#isMissed[peer] = 0
    const count = this.#read(peer)
    for (let index = 0; index < count; index += 1) {
      const copy = this.#list[index]!
      const pack = copy >>> INDEX_BITS
      const share = pack * this.total + (copy & INDEX_MASK)
      if (this.#holder[share] === peer) this.#holder[share] = -1 - peer
      else this.#dropOlder(pack, (peer << INDEX_BITS) | (copy & INDEX_MASK))
    }
    this.#release(peer)
  }

  /** Kill, give up and empty in one go, for who is known to be gone at once; each share has one holder then. */
  remove(peer: number): void {
    let filled = this.#filled[peer]!
    for (let chunk = this.#first[peer]!; chunk !== NONE; chunk = this.#next[chunk]!) {
      const from = chunk * this.#chunk
      for (let at = from; at < from + filled; at += 1) {
        const copy = this.#copies[at]!
        const pack = copy >>> INDEX_BITS
        const share = pack * this.total + (copy & INDEX_MASK)
        this.#holder[share] = -1 - peer
        this.#countingHolders[share] = 0
        this.#livingHolders[share] = 0
        this.counting[pack]! -= 1
        const before = this.living[pack]!--
        this.#listener.livingChanged(pack, before)
      }
      filled = this.#chunk
    }
    this.#release(peer)
  }

  /** Write `stamp` for each peer that has a share of the pack, and for its house. */
  markHolders(pack: number, marks: PeerMarks, stamp: number): void {
    const { peers, houses, houseOf } = marks
    for (let share = pack * this.total; share < (pack + 1) * this.total; share += 1) {
      const peer = this.#holder[share]!
      if (peer < 0) continue
      peers[peer] = stamp
      houses[houseOf[peer]!] = stamp
    }
    if (this.#hasOlder[pack] === 0) return
    const from = pack * SPARE_HOLDERS
    for (let index = from; index < from + SPARE_HOLDERS; index += 1) {
      const older = this.#older[index]!
      if (older !== NONE) peers[older >>> INDEX_BITS] = stamp
    }
  }

  /**
   * Count one more peer's shares towards what each pack needs.
   *
   * @param gathered.stamps - for each share: `stamp` where it was counted
   * @param gathered.got - for each pack: distinct shares so far
   * @returns packs that have what they need by this peer
   */
  gather(peer: number, { stamps, stamp, got }: Gathered, needed: number): number {
    let complete = 0
    const count = this.#read(peer)
    for (let index = 0; index < count; index += 1) {
      const copy = this.#list[index]!
      const pack = copy >>> INDEX_BITS
      const share = pack * this.total + (copy & INDEX_MASK)
      if (stamps[share] === stamp) continue
      stamps[share] = stamp
      got[pack]! += 1
      if (got[pack] === needed) complete += 1
    }
    return complete
  }

  /** @returns how many copies of the peer's stand in `#list` now */
  #read(peer: number): number {
    let count = 0
    let filled = this.#filled[peer]!
    for (let chunk = this.#first[peer]!; chunk !== NONE; chunk = this.#next[chunk]!) {
      const from = chunk * this.#chunk
      for (let index = 0; index < filled; index += 1) {
        this.#list[count] = this.#copies[from + index]!
        count += 1
      }
      filled = this.#chunk
    }
    return count
  }

  /** @returns false where there is no room: only false repairs make more copies than shares, and hardly so many */
  #append(peer: number, copy: number): boolean {
    let chunk = this.#first[peer]!
    if (chunk === NONE || this.#filled[peer] === this.#chunk) {
      const fresh = this.#free
      if (fresh === NONE) return false
      this.#free = this.#next[fresh]!
      this.#next[fresh] = chunk
      this.#first[peer] = fresh
      this.#filled[peer] = 0
      chunk = fresh
    }
    this.#copies[chunk * this.#chunk + this.#filled[peer]!] = copy
    this.#filled[peer]! += 1
    return true
  }

  #release(peer: number): void {
    for (let chunk = this.#first[peer]!; chunk !== NONE;) {
      const next = this.#next[chunk]!
      this.#next[chunk] = this.#free
      this.#free = chunk
      chunk = next
    }
    this.#first[peer] = NONE
    this.#filled[peer] = 0
  }

  /** More older copies of one pack than a few are not remembered: then a peer may get a second share of it. */
  #noteOlder(pack: number, older: number): void {
    const from = pack * SPARE_HOLDERS
    for (let index = from; index < from + SPARE_HOLDERS; index += 1) {
      if (this.#older[index] !== NONE) continue
      this.#older[index] = older
      this.#hasOlder[pack] = 1
      return
    }
  }

  #dropOlder(pack: number, older: number): void {
    const from = pack * SPARE_HOLDERS
    for (let index = from; index < from + SPARE_HOLDERS; index += 1) {
      if (this.#older[index] === older) this.#older[index] = NONE
    }
  }
}

/** Who was seen to hold something: for each peer and each house the last stamp; and each peer's house. */
export interface PeerMarks {
  readonly peers: Int32Array
  readonly houses: Int32Array
  readonly houseOf: Int32Array
}

export interface Gathered {
  readonly stamps: Int32Array
  readonly stamp: number
  readonly got: Uint16Array
}
