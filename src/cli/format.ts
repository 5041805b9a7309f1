/**
 * Format: sizes, times and durations for people; JSON gets plain numbers and RFC 3339 instead.
 */

import type { EntryKind } from '../base/entry-status.ts'

export { formatBytes } from '../base/size-words.ts'

/** @returns for instance `2,012` */
export function formatCount(count: number): string {
  // `toLocaleString` would do it too, and take 10 ms to load the world's locales.
  return String(count).replaceAll(/\B(?=(?:\d{3})+$)/g, ',')
}

/** @returns for instance `1 file`, `2,012 files` */
export function formatItems(count: number, item: string): string {
  return `${formatCount(count)} ${item}${count === 1 ? '' : 's'}`
}

/** @returns for instance `0.4 s`, `12 s`, `3 min 05 s`, `2 h 10 min` */
export function formatDuration(ms: number): string {
  const seconds = ms / 1000
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  if (seconds < 60) return `${Math.round(seconds)} s`
  const minutes = Math.floor(seconds / 60)
  if (minutes < 60) return `${minutes} min ${two(Math.floor(seconds % 60))} s`
  return `${Math.floor(minutes / 60)} h ${two(minutes % 60)} min`
}

/** @returns local time to the second: `2026-11-20 10:58:09` */
export function formatTime(ms: number): string {
  const date = new Date(ms)
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day} ${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`
}

/** @returns RFC 3339 in UTC, to the nanosecond where there are nanoseconds */
export function formatInstant(time: { seconds: number; nanoseconds: number }): string {
  const date = new Date(time.seconds * 1000)
  if (Number.isNaN(date.getTime())) return `${time.seconds}.${pad(time.nanoseconds, 9)}`
  return date.toISOString().replace(/\.\d+Z$/, `.${pad(time.nanoseconds, 9)}Z`)
}

/** @returns RFC 3339 in UTC, to the millisecond */
export function formatMoment(ms: number): string {
  return new Date(ms).toISOString()
}

/** @returns `drwxr-xr-x` as `ls -l` writes it */
export function formatMode(kind: EntryKind, mode: number): string {
  const letters = 'rwxrwxrwx'
    .split('')
    .map((letter, index) => (mode & (0o400 >> index) ? letter : '-'))
  const special = (bit: number, at: number, on: string, off: string) => {
    if (mode & bit) letters[at] = letters[at] === 'x' ? on : off
  }
  special(0o4000, 2, 's', 'S')
  special(0o2000, 5, 's', 'S')
  special(0o1000, 8, 't', 'T')
  return KIND_LETTERS[kind] + letters.join('')
}

const KIND_LETTERS: Readonly<Record<EntryKind, string>> = {
  file: '-',
  folder: 'd',
  symlink: 'l',
  fifo: 'p',
  characterDevice: 'c',
  blockDevice: 'b',
}

/** Kinds as restic's JSON has them. */
export const KIND_WORDS: Readonly<Record<EntryKind, string>> = {
  file: 'file',
  folder: 'dir',
  symlink: 'symlink',
  fifo: 'fifo',
  characterDevice: 'chardev',
  blockDevice: 'dev',
}

/**
 * @param loss - the probability of the opposite, 0–1
 * @returns the probability in per cent, with as many digits as tell it from 100: `99.9914 %`
 */
export function formatChance(loss: number): string {
  if (loss <= 0) return '100 %'
  if (loss < 1e-12) return 'more than 99.9999999999 %'
  const digits = Math.max(1, 1 - Math.floor(Math.log10(loss * 100)))
  return `${((1 - loss) * 100).toFixed(digits)} %`
}

const SUFFIXES: Readonly<Record<string, number>> = {
  '': 1,
  b: 1,
  k: 1000,
  kb: 1000,
  kib: 2 ** 10,
  m: 1e6,
  mb: 1e6,
  mib: 2 ** 20,
  g: 1e9,
  gb: 1e9,
  gib: 2 ** 30,
  t: 1e12,
  tb: 1e12,
  tib: 2 ** 40,
}

/**
 * Read a size as people write it: `500`, `20GB` (10⁹), `1.5GiB` (2³⁰).
 *
 * @returns whole bytes, or `undefined` if it is no size
 */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim())
  const factor = SUFFIXES[match?.[2]?.toLowerCase() ?? '?']
  if (match === null || factor === undefined) return undefined
  const bytes = Math.round(Number(match[1]) * factor)
  return Number.isSafeInteger(bytes) ? bytes : undefined
}

function two(value: number): string {
  return pad(value, 2)
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0')
}
