/**
 * Played line: how much of a game of chance was played, where it takes longer than a moment.
 *
 * On a terminal a line on stderr that is redrawn in place; elsewhere a line every ten seconds; with `--json` a
 * `status` record a second. Nothing for the first two seconds.
 */

import type { Output } from './output.ts'

const FIRST_MS = 2_000
const INTERVAL_MS = { terminal: 200, plain: 10_000, json: 1_000 } as const

export class PlayedLine {
  readonly #output: Output
  readonly #now: () => number
  readonly #intervalMs: number
  readonly #isTerminal: boolean
  readonly #startedAt: number
  #shownAt: number
  #isDrawn = false

  /** @param now - monotonic milliseconds */
  constructor(output: Output, now: () => number) {
    this.#output = output
    this.#now = now
    this.#isTerminal = output.stderr.isTTY === true && !output.isJson
    this.#intervalMs = INTERVAL_MS[output.isJson ? 'json' : this.#isTerminal ? 'terminal' : 'plain']
    this.#startedAt = now()
    this.#shownAt = this.#startedAt + FIRST_MS - this.#intervalMs
  }

  update({ done, total }: { readonly done: number; readonly total: number }): void {
    const now = this.#now()
    if (now - this.#shownAt < this.#intervalMs) return
    this.#shownAt = now
    const text = `played ${Math.floor((100 * done) / total)} %`
    if (this.#output.isJson) {
      this.#output.json({
        message_type: 'status',
        action: 'what-if',
        seconds_elapsed: Math.round((now - this.#startedAt) / 1000),
        percent_done: done / total,
      })
    } else if (this.#isTerminal) {
      this.#output.stderr.write(`\r\u001b[K${text}`)
      this.#isDrawn = true
    } else {
      this.#output.say(text)
    }
  }

  /** Take the line away, so that what is written next stands alone. */
  stop(): void {
    if (this.#isDrawn) this.#output.stderr.write('\r\u001b[K')
    this.#isDrawn = false
  }
}
