/**
 * Progress: one line on stderr that says how far a long command is.
 *
 * On a terminal the line is redrawn in place, at most ten times a second; elsewhere a plain line
 * every ten seconds shows that the command is alive. With `--json` it is a `status` record on
 * stdout, at most one a second. What is drawn is the newest state; the ones between are dropped.
 *
 * SIGUSR1 asks for a line at once, wherever the output goes (as dd and rclone have it); in silence of half a
 * minute the path that is being worked on is named once.
 */

import { escapeName, pathFields } from './escape.ts'
import { formatBytes, formatCount, formatDuration } from './format.ts'
import type { Output } from './output.ts'

/** How far a command is; the client's `Progress` has this shape. */
export interface ProgressState {
  readonly phase: string
  readonly filesDone: number
  readonly filesTotal: number
  readonly bytesDone: number
  readonly bytesTotal: number
  readonly current?: Uint8Array | undefined
}

const INTERVAL_MS = { terminal: 100, plain: 10_000, json: 1_000 }

/** So long without news is told. */
const STALL_MS = 30_000

export class ProgressLine {
  readonly #output: Output
  readonly #now: () => number
  readonly #intervalMs: number
  readonly #isTerminal: boolean
  readonly #startedAt: number
  #shownAt: number
  #isDrawn = false
  #newest: ProgressState | undefined
  #newsAt: number
  #isStallTold = false
  #heartbeat: NodeJS.Timeout | undefined

  /** @param now - monotonic milliseconds */
  constructor(output: Output, now: () => number) {
    this.#output = output
    this.#now = now
    this.#isTerminal = output.stderr.isTTY === true && !output.isJson
    const kind = output.isJson ? 'json' : this.#isTerminal ? 'terminal' : 'plain'
    this.#intervalMs = INTERVAL_MS[kind]
    this.#startedAt = now()
    this.#newsAt = this.#startedAt
    // A terminal shows the first state at once; a log file need not show what ends within seconds.
    this.#shownAt = this.#isTerminal ? -Infinity : this.#startedAt
  }

  /** Keep telling while one slow step gives no news of its own. */
  start(): void {
    this.#heartbeat = setInterval(() => this.#beat(), Math.max(this.#intervalMs, 1000)).unref()
    process.on('SIGUSR1', this.#onAsked)
  }

  update(state: ProgressState): void {
    if (this.#newest === undefined || isNews(this.#newest, state)) {
      this.#newsAt = this.#now()
      this.#isStallTold = false
    }
    this.#newest = state
    this.#show()
  }

  /** Take the line away, so that what is written next stands alone. */
  clear(): void {
    if (this.#isDrawn) this.#output.stderr.write('\r\u001b[K')
    this.#isDrawn = false
  }

  stop(): void {
    clearInterval(this.#heartbeat)
    process.removeListener('SIGUSR1', this.#onAsked)
    this.clear()
  }

  readonly #onAsked = (): void => {
    this.clear()
    const elapsedMs = this.#now() - this.#startedAt
    const state = this.#newest
    if (state === undefined) this.#output.say('No news yet')
    else if (this.#output.isJson) this.#output.json(statusRecord(state, elapsedMs))
    else this.#output.say(`${progressText(state, elapsedMs)}${currentText(state)}`)
  }

  #beat(): void {
    const silentMs = this.#now() - this.#newsAt
    if (silentMs >= STALL_MS && !this.#isStallTold && this.#newest !== undefined) {
      this.#isStallTold = true
      this.clear()
      this.#output.warn(
        `No news for ${formatDuration(silentMs)}${currentText(this.#newest)}: a disk, a file server or the line may be slow`,
      )
    }
    this.#show()
  }

  #show(): void {
    const now = this.#now()
    if (this.#newest === undefined || now - this.#shownAt < this.#intervalMs) return
    this.#shownAt = now
    const elapsedMs = now - this.#startedAt
    if (this.#output.isJson) this.#output.json(statusRecord(this.#newest, elapsedMs))
    else if (this.#isTerminal) this.#draw(this.#newest, elapsedMs)
    else this.#output.say(progressText(this.#newest, elapsedMs))
  }

  #draw(state: ProgressState, elapsedMs: number): void {
    const width = Math.max(20, (this.#output.stderr.columns ?? 80) - 1)
    const line = progressText(state, elapsedMs) + currentText(state)
    this.#output.stderr.write(`\r\u001b[K${Array.from(line).slice(0, width).join('')}`)
    this.#isDrawn = true
  }
}

function isNews(before: ProgressState, after: ProgressState): boolean {
  return (
    before.phase !== after.phase ||
    before.filesDone !== after.filesDone ||
    before.bytesDone !== after.bytesDone ||
    before.filesTotal !== after.filesTotal
  )
}

function currentText({ current }: ProgressState): string {
  return current === undefined ? '' : `  ${escapeName(current)}`
}

/** @returns for instance `upload  12 of 200 files, 4.0 MiB of 20.0 MiB, 0.5 s, 2.0 s to go` */
export function progressText(state: ProgressState, elapsedMs: number): string {
  const parts = [
    `${formatCount(state.filesDone)} of ${formatCount(state.filesTotal)} files`,
    `${formatBytes(state.bytesDone)} of ${formatBytes(state.bytesTotal)}`,
    formatDuration(elapsedMs),
  ]
  const restMs = remainingMs(state, elapsedMs)
  if (restMs !== undefined) parts.push(`${formatDuration(restMs)} to go`)
  return `${state.phase}  ${parts.join(', ')}`
}

function remainingMs(state: ProgressState, elapsedMs: number): number | undefined {
  if (elapsedMs < 2000 || state.bytesDone <= 0 || state.bytesTotal <= state.bytesDone)
    return undefined
  return (elapsedMs * (state.bytesTotal - state.bytesDone)) / state.bytesDone
}

function statusRecord(state: ProgressState, elapsedMs: number) {
  return {
    message_type: 'status',
    action: state.phase,
    seconds_elapsed: Math.round(elapsedMs / 1000),
    percent_done: state.bytesTotal === 0 ? 0 : Math.min(1, state.bytesDone / state.bytesTotal),
    total_files: state.filesTotal,
    files_done: state.filesDone,
    total_bytes: state.bytesTotal,
    bytes_done: state.bytesDone,
    current_files: state.current === undefined ? [] : [pathFields(state.current).path],
  }
}
