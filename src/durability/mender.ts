/**
 * Mender: which packs lack shares, which of them have their turn, and who takes what is made again.
 *
 * It repairs as the product does: by what is believed of peers, not by what is true of them. A pack is due
 * when fewer of its shares count than it has, or when fewer than H of them were seen lately; then it does not
 * wait, and only those seen count. Those with the fewest shares have their turn first. Shares go to peers
 * that are here and have none of the pack, in houses of their own first.
 *
 * The product's own: src/grid/standing.ts, src/repair/repair-plan.ts, src/grid/place-order.ts
 */

import { safeCount, type Code } from '../grid/code.ts'
import type { PeerMarks, ShareBook } from './share-book.ts'
import type { Streams } from './streams.ts'

/** The whole state of a peer that takes part now. */
export const HERE = 1

export interface MenderParts {
  readonly book: ShareBook
  readonly code: Code
  /** For each pack; a lost one is left alone. */
  readonly lostAt: Float64Array
  /** For each peer. */
  readonly state: Uint8Array
  readonly houseOf: Int32Array
  readonly houses: number
  /** Of these the first chooses where to look for a taker. */
  readonly streams: Streams
  readonly packsPerCheck: number
}

export class Mender {
  /** Repair jobs, each of which reads k shares if a stranger does it, and shares made. */
  jobs = 0
  sharesMade = 0
  /** So many holders of a pack may be missed before too few of its shares were seen. */
  readonly bearable: number
  readonly #book: ShareBook
  readonly #lostAt: Float64Array
  readonly #state: Uint8Array
  readonly #streams: Streams
  readonly #packsPerCheck: number
  readonly #safe: number
  readonly #marks: PeerMarks
  #stamp = 0
  /** Packs to look at in the next check. */
  readonly #isDue: Uint8Array
  readonly #due: Int32Array
  #dueCount = 0
  /** Of each that is due: shares that count. */
  readonly #counts: Uint16Array
  readonly #starts: Int32Array
  readonly #order: Int32Array

  constructor({ book, code, lostAt, state, houseOf, houses, streams, packsPerCheck }: MenderParts) {
    this.#book = book
    this.#lostAt = lostAt
    this.#state = state
    this.#streams = streams
    this.#packsPerCheck = packsPerCheck
    this.#safe = safeCount(code)
    this.bearable = code.total - this.#safe
    this.#marks = { peers: new Int32Array(state.length), houses: new Int32Array(houses), houseOf }
    this.#isDue = new Uint8Array(book.packs)
    this.#due = new Int32Array(book.packs)
    this.#counts = new Uint16Array(book.packs)
    this.#starts = new Int32Array(code.total + 2)
    this.#order = new Int32Array(book.packs)
  }

  reset(): void {
    this.jobs = 0
    this.sharesMade = 0
    this.#marks.peers.fill(0)
    this.#marks.houses.fill(0)
    this.#stamp = 0
    this.#isDue.fill(0)
    this.#dueCount = 0
  }

  get hasDue(): boolean {
    return this.#dueCount > 0
  }

  /** @returns whether the pack lacks something; it is due then */
  note(pack: number): boolean {
    if (!this.#isLacking(pack)) return false
    if (this.#isDue[pack] === 0) {
      this.#isDue[pack] = 1
      this.#due[this.#dueCount] = pack
      this.#dueCount += 1
    }
    return true
  }

  /**
   * What is due is made again: the fewest shares above k first, where not all can have their turn.
   *
   * @returns whether some would have had theirs, and the check was over
   */
  check(): boolean {
    const due = this.#due
    let budget = this.#packsPerCheck
    const count = this.#sortDue()
    for (let index = 0; index < count && budget > 0; index += 1) {
      if (this.#mend(this.#order[index]!)) budget -= 1
    }
    let left = 0
    for (let index = 0; index < this.#dueCount; index += 1) {
      const pack = due[index]!
      const isLeft = this.#lostAt[pack] === Infinity && this.#isLacking(pack)
      this.#isDue[pack] = isLeft ? 1 : 0
      if (isLeft) due[left++] = pack
    }
    this.#dueCount = left
    return budget <= 0 && left > 0
  }

  /**
   * Place shares that count nowhere with peers that are here and have none of the pack.
   *
   * @param counted - how many need no place
   * @returns how many were placed
   */
  fill(pack: number, counted: number): number {
    const book = this.#book
    const first = pack * book.total
    const isUrgent = counted < book.counting[pack]!
    const stamp = ++this.#stamp
    book.markHolders(pack, this.#marks, stamp)
    let placed = 0
    for (let share = first; share < first + book.total; share += 1) {
      if (isUrgent ? book.isSeen(share) : book.isCounting(share)) continue
      const taker = this.#takerOf(-1 - book.holder(share), stamp)
      if (taker < 0) break
      this.#marks.peers[taker] = stamp
      this.#marks.houses[this.#marks.houseOf[taker]!] = stamp
      book.place(pack, share - first, taker)
      placed += 1
    }
    return placed
  }

  /** The same where all places are taken at all times: each share has one place for ever. */
  refill(pack: number): number {
    const book = this.#book
    const first = pack * book.total
    let placed = 0
    for (let index = 0; index < book.total; index += 1) {
      const holder = book.holder(first + index)
      if (holder >= 0) continue
      book.place(pack, index, -1 - holder)
      placed += 1
    }
    return placed
  }

  /** @returns a peer in a house of its own if there is one, that of the former holder's place rather than another; −1 */
  #takerOf(former: number, stamp: number): number {
    if (former >= 0 && this.#mayTake(former, stamp) && this.#isApart(former, stamp)) return former
    const count = this.#state.length
    const from = this.#streams.below(0, count)
    let other = -1
    for (let step = 0; step < count; step += 1) {
      const peer = from + step < count ? from + step : from + step - count
      if (!this.#mayTake(peer, stamp)) continue
      if (this.#isApart(peer, stamp)) return peer
      if (other < 0) other = peer
    }
    return other
  }

  #mayTake(peer: number, stamp: number): boolean {
    return this.#state[peer] === HERE && this.#marks.peers[peer] !== stamp
  }

  #isApart(peer: number, stamp: number): boolean {
    return this.#marks.houses[this.#marks.houseOf[peer]!] !== stamp
  }

  /** Whether shares of it are to be made when there is somebody to take them. */
  #isLacking(pack: number): boolean {
    return this.#book.counting[pack]! < this.#book.total || this.#isUrgent(pack)
  }

  /** Shares that count for this pack: where too few were seen lately, only those that were. */
  #counted(pack: number): number {
    return this.#isUrgent(pack) ? this.#book.seen(pack) : this.#book.counting[pack]!
  }

  #isUrgent(pack: number): boolean {
    const { counting, missed } = this.#book
    // Each missed holder costs one share at most, so mostly nothing has to be counted.
    return counting[pack]! - missed[pack]! < this.#safe && this.#book.seen(pack) < this.#safe
  }

  /**
   * Put what is due in order into `#order`, the fewest shares that count first.
   *
   * @returns how many there are
   */
  #sortDue(): number {
    const { total } = this.#book
    const starts = this.#starts.fill(0)
    for (let index = 0; index < this.#dueCount; index += 1) {
      const pack = this.#due[index]!
      const counted = this.#lostAt[pack]! < Infinity ? total : this.#counted(pack)
      this.#counts[index] = counted
      starts[counted + 1]! += 1
    }
    for (let shares = 0; shares < total; shares += 1) starts[shares + 1]! += starts[shares]!
    const count = starts[total]!
    for (let index = 0; index < this.#dueCount; index += 1) {
      const counted = this.#counts[index]!
      if (counted === total) continue
      this.#order[starts[counted]!] = this.#due[index]!
      starts[counted]! += 1
    }
    return count
  }

  /** @returns whether it took one of the turns of this check */
  #mend(pack: number): boolean {
    const made = this.fill(pack, this.#counted(pack))
    if (made === 0) return false
    this.jobs += 1
    this.sharesMade += made
    return true
  }
}
