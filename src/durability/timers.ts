/**
 * Timers: what comes next, of up to millions of things that each have one moment.
 *
 * A calendar queue: time is cut into days of a width of their own, and the days go round, as the pages of
 * a calendar that is used again each year. Each page is a short linked list through an array, so setting and
 * clearing a timer takes the same time however many there are, and nothing is allocated.
 *
 * Source: Randy Brown, "Calendar queues: a fast O(1) priority queue implementation for the simulation
 * event set problem", CACM 31 (1988)
 */

/** More pages than that are slower to turn than to search. */
const PAGES_MAX = 2 ** 21

const NONE = -1

export class Timers {
  /** The moment of the timer that came last. */
  now = 0
  /** Not in the calendar: `Infinity`. */
  readonly #at: Float64Array
  readonly #next: Int32Array
  readonly #pages: Int32Array
  readonly #mask: number
  readonly #pagesPerTime: number
  /** The page that is open, counted from the beginning of time. */
  #page = 0
  #before = NONE
  #count = 0

  /** @param spacing - the time between two events, about: a page is as wide */
  constructor(count: number, spacing: number) {
    this.#at = new Float64Array(count).fill(Infinity)
    this.#next = new Int32Array(count).fill(NONE)
    let pages = 64
    while (pages < 2 * count && pages < PAGES_MAX) pages *= 2
    this.#pages = new Int32Array(pages).fill(NONE)
    this.#mask = pages - 1
    this.#pagesPerTime = 1 / spacing
  }

  /** @returns the moment a timer is set to; `Infinity` if it is not */
  at(timer: number): number {
    return this.#at[timer]!
  }

  /** Begin anew: no timer is set, and it is 0. */
  reset(): void {
    if (this.#count > 0) {
      this.#pages.fill(NONE)
      this.#at.fill(Infinity)
    }
    this.now = 0
    this.#page = 0
    this.#count = 0
  }

  /** @param time - not before now; `Infinity` clears it */
  set(timer: number, time: number): void {
    if (this.#at[timer] !== Infinity) this.clear(timer)
    if (time === Infinity) return
    this.#at[timer] = time
    const page = this.#pageOf(time) & this.#mask
    this.#next[timer] = this.#pages[page]!
    this.#pages[page] = timer
    this.#count += 1
  }

  clear(timer: number): void {
    const time = this.#at[timer]!
    if (time === Infinity) return
    const page = this.#pageOf(time) & this.#mask
    const first = this.#pages[page]!
    if (first === timer) {
      this.#pages[page] = this.#next[timer]!
    } else {
      let before = first
      while (this.#next[before] !== timer) before = this.#next[before]!
      this.#next[before] = this.#next[timer]!
    }
    this.#at[timer] = Infinity
    this.#count -= 1
  }

  /**
   * Go to the next moment at which a timer is set, and take that timer out.
   *
   * @returns the timer, of several at one moment the lowest; −1 where none is set up to `until`, and it is `until` then
   */
  take(until: number): number {
    let turned = 0
    while (this.#count > 0) {
      const found = this.#firstOf(this.#pages[this.#page & this.#mask]!)
      // What lies on this page in a later year is not due yet.
      if (found !== NONE && this.#pageOf(this.#at[found]!) <= this.#page) {
        const time = this.#at[found]!
        if (time > until) break
        if (this.#before === NONE) this.#pages[this.#page & this.#mask] = this.#next[found]!
        else this.#next[this.#before] = this.#next[found]!
        this.#at[found] = Infinity
        this.#count -= 1
        this.now = time
        return found
      }
      if (this.#page > this.#pageOf(until)) break
      this.#page += 1
      turned += 1
      if (turned > this.#mask) {
        this.#page = this.#pageOf(this.#earliest())
        turned = 0
      }
    }
    this.now = until
    this.#page = this.#pageOf(until)
    return NONE
  }

  #pageOf(time: number): number {
    return Math.floor(time * this.#pagesPerTime)
  }

  /** @returns the first of a page, whatever its year; `#before` is what lies before it there */
  #firstOf(from: number): number {
    const at = this.#at
    let found = NONE
    let best = Infinity
    let before = NONE
    for (let timer = from; timer !== NONE; timer = this.#next[timer]!) {
      const time = at[timer]!
      if (time < best || (time === best && timer < found)) {
        best = time
        found = timer
        this.#before = before
      }
      before = timer
    }
    return found
  }

  #earliest(): number {
    return this.#at.reduce((earliest, time) => Math.min(earliest, time), Infinity)
  }
}
