/** Byte-days, slow and obvious: every stretch of time with what was held in it, summed up on demand. */

const DAY_MS = 24 * 3600_000

export class SlowByteDays {
  readonly #stretches: { from: number; until: number; bytes: number }[] = []
  #since: number | undefined
  #at = 0
  #bytes = 0

  set(bytes: number, age: number): void {
    this.#pass(age)
    if (bytes > 0) this.#since ??= age
    this.#bytes = bytes
  }

  /** @returns what was held over the last thirty whole days of age and the part of today */
  spanOf(age: number): { byteDays: number; sinceAge: number; untilAge: number } {
    this.#pass(age)
    const first = (Math.floor(age / DAY_MS) - 30) * DAY_MS
    let sum = 0n
    for (const { from, until, bytes } of this.#stretches) {
      const overlap = Math.max(0, until - Math.max(from, first))
      sum += BigInt(bytes) * BigInt(overlap)
    }
    const sinceAge = Math.max(this.#since ?? age, first)
    return { byteDays: Number(sum / BigInt(DAY_MS)), sinceAge, untilAge: age }
  }

  #pass(age: number): void {
    this.#stretches.push({ from: this.#at, until: age, bytes: this.#bytes })
    this.#at = age
  }
}
