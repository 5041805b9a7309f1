/**
 * Account: the demo told as it happens, for people as text and for programs as JSON lines.
 */

import { formatBytes, formatCount, formatDuration } from '../format.ts'
import type { Output } from '../output.ts'
import type { Difference } from './tree-manifest.ts'

export interface SnapshotFigures {
  readonly snapshot: number
  readonly files: number
  readonly changed: number
  readonly deltas: number
  /** Bytes, as are the next two. */
  readonly read: number
  /** After compression and deltas, before erasure coding. */
  readonly stored: number
  /** To all peers together. */
  readonly sent: number
  readonly durationMs: number
}

export interface RestoreFigures {
  readonly snapshot: number
  readonly files: number
  readonly bytes: number
  readonly fetched: number
  readonly durationMs: number
  readonly differences: readonly Difference[]
}

const SHOWN_MAX = 20
const WIDTHS = [8, 8, 9, 8, 11, 11, 11, 11, 8]

export class Account {
  readonly #output: Output
  #hasTable = false

  constructor(output: Output) {
    this.#output = output
  }

  begin(options: { peers: number; size: string; seed: number }): void {
    this.#output.data(
      `Cairn demo: ${options.peers} peers on this computer, a ${options.size} tree, seed ${options.seed}\n`,
    )
  }

  step(text: string, durationMs: number): void {
    this.#output.json({ message_type: 'step', text, seconds_elapsed: durationMs / 1000 })
    this.#output.data(`${formatDuration(durationMs).padStart(8)}  ${text}`)
  }

  snapshot(figures: SnapshotFigures): void {
    const { durationMs, ...rest } = figures
    const expansion = figures.stored === 0 ? 0 : figures.sent / figures.stored
    this.#output.json({
      message_type: 'snapshot_figures',
      ...rest,
      expansion,
      seconds_elapsed: durationMs / 1000,
    })
    if (!this.#hasTable) this.#head()
    this.#row([
      String(figures.snapshot),
      formatCount(figures.files),
      formatCount(figures.changed),
      formatCount(figures.deltas),
      formatBytes(figures.read),
      formatBytes(figures.stored),
      formatBytes(figures.sent),
      expansion.toFixed(2),
      formatDuration(durationMs),
    ])
  }

  tree(total: { files: number; folders: number; bytes: number }): void {
    this.#output.data(
      `\n          the tree now: ${formatCount(total.files)} files and links in ` +
        `${formatCount(total.folders)} folders, ${formatBytes(total.bytes)}\n`,
    )
  }

  restored(figures: RestoreFigures): void {
    const { durationMs, differences, ...rest } = figures
    this.#output.json({
      message_type: 'restored',
      ...rest,
      differences: differences.length,
      seconds_elapsed: durationMs / 1000,
    })
    const verdict =
      differences.length === 0
        ? 'every byte and attribute is the same'
        : `${formatCount(differences.length)} DIFFERENCES`
    this.#output.data(
      `${formatDuration(durationMs).padStart(8)}  snapshot ${figures.snapshot} restored: ` +
        `${formatCount(figures.files)} files and links, ${formatBytes(figures.bytes)} ` +
        `(${formatBytes(figures.fetched)} fetched): ${verdict}`,
    )
    for (const difference of differences.slice(0, SHOWN_MAX)) this.#difference(difference)
    if (differences.length > SHOWN_MAX) this.#output.data('          … and more')
  }

  kept(folder: string): void {
    this.#output.say(
      `Everything is left in ${folder}. To end the peers: cairn grid stop --dir ${folder}/grid`,
    )
  }

  end(differences: number, durationMs: number): void {
    this.#output.json({
      message_type: 'summary',
      differences,
      seconds_elapsed: durationMs / 1000,
    })
    const verdict =
      differences === 0
        ? 'Everything came back, from 24 words and one friend.'
        : `${formatCount(differences)} differences: this must not happen.`
    this.#output.data(`\n${verdict} ${formatDuration(durationMs)} in all.`)
  }

  #difference({ path, what, expected, actual }: Difference): void {
    this.#output.json({ message_type: 'difference', path, what, expected, actual })
    this.#output.data(`          ${path}: ${what}: was ${expected}, is ${actual}`)
  }

  #head(): void {
    this.#hasTable = true
    this.#output.data('')
    this.#row([
      'snapshot',
      'files',
      'changed',
      'deltas',
      'read',
      'stored',
      'sent',
      'expansion',
      'time',
    ])
  }

  #row(cells: readonly string[]): void {
    this.#output.data(cells.map((cell, index) => cell.padStart(WIDTHS[index] ?? 8)).join('  '))
  }
}
