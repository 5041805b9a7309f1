/**
 * Progress: one line on stderr that says how far a long command is.
 *
 * On a terminal the line is redrawn in place, at most ten times a second; elsewhere a plain line
 * every ten seconds shows that the command is alive. With `--json` it is a `status` record on
 * stdout, at most one a second. What is drawn is the newest state; the ones between are dropped.
 *
 * How long it will still take follows from what this phase did so far. Where a total is only what the last
 * snapshots had, the line says "about", and the record `is_estimate`; where none is known neither says anything.
 *
 * SIGUSR1 asks for a line at once, wherever the output goes (as dd and rclone have it); in silence of half a
 * minute the path that is being worked on is named once.
 */

import { escapeName, pathFields } from './escape.ts'
import { formatBytes, formatCount, formatDuration, formatItems } from './format.ts'
import type { Output } from './output.ts'

/** How far a command is; the client's `Progress` has this shape. */
export interface ProgressState {
  readonly phase: string
  readonly filesDone: number
  /** Undefined where it is not known. */
  readonly filesTotal: number | undefined
  readonly isEstimate?: boolean
  readonly bytesDone: number
  readonly bytesTotal: number | undefined
  readonly bytesSent?: number
  readonly current?: Uint8Array | undefined
}

const INTERVAL_MS = { terminal: 100, plain: 10_000, json: 1_000 }

/** So long without news is told. */
const STALL_MS = 30_000

/** A shorter time tells nothing of the rest. */
const ESTIMATE_MS_MIN = 2_000

/** How long it took so far, and what is left, as far as that is known. */
export interface ProgressTimes {
  readonly elapsedMs: number
  readonly restMs?: number | undefined
}

export class ProgressLine {
  readonly #output: Output
  readonly #now: () => number
  readonly #intervalMs: number
  readonly #isTerminal: boolean
  readonly #startedAt: number
  #shownAt: number
  #isDrawn = false
  #newest: ProgressState | undefined
  /** The first state of this phase. */
  #phase: { readonly state: ProgressState; readonly at: number } | undefined
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
    if (this.#phase?.state.phase !== state.phase) this.#phase = { state, at: this.#now() }
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
    const state = this.#newest
    if (state === undefined) this.#output.say('No news yet')
    else if (this.#output.isJson) this.#output.json(statusRecord(state, this.#times(state)))
    else this.#output.say(`${progressText(state, this.#times(state))}${currentText(state)}`)
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
    const times = this.#times(this.#newest)
    if (this.#output.isJson) this.#output.json(statusRecord(this.#newest, times))
    else if (this.#isTerminal) this.#draw(this.#newest, times)
    else this.#output.say(progressText(this.#newest, times))
  }

  #times(state: ProgressState): ProgressTimes {
    const now = this.#now()
    const elapsedMs = now - this.#startedAt
    const begun = this.#phase
    if (begun === undefined || now - begun.at < ESTIMATE_MS_MIN) return { elapsedMs }
    // The total may have become known meanwhile, or another: what was done at first is a part of the newest.
    const done = doneOf(state)
    const total = totalOf(state)
    const first = Math.min(done, isByBytes(state) ? begun.state.bytesDone : begun.state.filesDone)
    if (total === undefined || done >= total || done === first) return { elapsedMs }
    return { elapsedMs, restMs: ((now - begun.at) * (total - done)) / (done - first) }
  }

  #draw(state: ProgressState, times: ProgressTimes): void {
    const width = Math.max(20, (this.#output.stderr.columns ?? 80) - 1)
    const line = progressText(state, times) + currentText(state)
    this.#output.stderr.write(`\r\u001b[K${Array.from(line).slice(0, width).join('')}`)
    this.#isDrawn = true
  }
}

function isNews(before: ProgressState, after: ProgressState): boolean {
  return (
    before.phase !== after.phase ||
    before.filesDone !== after.filesDone ||
    before.bytesDone !== after.bytesDone ||
    before.bytesSent !== after.bytesSent ||
    before.filesTotal !== after.filesTotal
  )
}

function currentText({ current }: ProgressState): string {
  return current === undefined ? '' : `  ${escapeName(current)}`
}

/** Bytes tell more than files, where it is known how many there are. */
function isByBytes({ bytesTotal }: ProgressState): boolean {
  return bytesTotal !== undefined && bytesTotal > 0
}

function doneOf(state: ProgressState): number {
  return isByBytes(state) ? state.bytesDone : state.filesDone
}

/** @returns undefined where it is not known, or nothing is to be done */
function totalOf(state: ProgressState): number | undefined {
  const total = isByBytes(state) ? state.bytesTotal : state.filesTotal
  return total === 0 ? undefined : total
}

/** @returns for instance `upload  12 of 200 files, 4.0 MiB of 20.0 MiB, 8.0 MiB sent, 0.5 s, 2.0 s to go` */
export function progressText(state: ProgressState, times: ProgressTimes): string {
  const { filesDone, filesTotal, bytesDone, bytesTotal, bytesSent = 0 } = state
  const about = state.isEstimate === true ? 'about ' : ''
  const bytesOf = bytesTotal === undefined ? '' : ` of ${about}${formatBytes(bytesTotal)}`
  const parts = [
    filesTotal === undefined
      ? formatItems(filesDone, 'file')
      : `${formatCount(filesDone)} of ${about}${formatCount(filesTotal)} files`,
    `${formatBytes(bytesDone)}${bytesOf}`,
    ...(bytesSent === 0 ? [] : [`${formatBytes(bytesSent)} sent`]),
    formatDuration(times.elapsedMs),
    ...(times.restMs === undefined ? [] : [`${about}${formatDuration(times.restMs)} to go`]),
  ]
  return `${state.phase}  ${parts.join(', ')}`
}

function statusRecord(state: ProgressState, { elapsedMs, restMs }: ProgressTimes) {
  const total = totalOf(state)
  return {
    message_type: 'status',
    action: state.phase,
    seconds_elapsed: Math.round(elapsedMs / 1000),
    seconds_remaining: restMs === undefined ? undefined : Math.round(restMs / 1000),
    percent_done: total === undefined ? 0 : Math.min(1, doneOf(state) / total),
    is_estimate: state.isEstimate === true ? true : undefined,
    total_files: state.filesTotal,
    files_done: state.filesDone,
    total_bytes: state.bytesTotal,
    bytes_done: state.bytesDone,
    bytes_sent: state.bytesSent,
    current_files: state.current === undefined ? [] : [pathFields(state.current).path],
  }
}
