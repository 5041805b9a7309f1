/**
 * Options: what people type, as values; each says what was expected.
 */

import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { InvalidArgumentError } from 'commander'
import { NAME_SIZE_MAX } from '../../protocol/roster-statement.ts'
import { isVaultId, type VaultId } from '../../protocol/ids.ts'
import { UsageError } from '../base/errors.ts'
import { parseDuration } from '../repair/duration.ts'
import { parseSize } from './format.ts'
import { typedBytes } from './typed-bytes.ts'

/** k of n: `needed` shares of `total` bring a pack back. */
export interface CodeOption {
  readonly needed: number
  readonly total: number
}

/** @returns the code in `4-of-7`, or `undefined` if it is none (1 ≤ needed ≤ total ≤ 256) */
export function parseCode(text: string): CodeOption | undefined {
  const match = /^(\d{1,3})-of-(\d{1,3})$/.exec(text)
  const needed = Number(match?.[1])
  const total = Number(match?.[2])
  return needed >= 1 && needed <= total && total <= 256 ? { needed, total } : undefined
}

export function codeOption(text: string): CodeOption {
  const code = parseCode(text)
  if (code === undefined) throw new InvalidArgumentError('Expected K-of-N, for instance 4-of-7.')
  return code
}

export function sizeOption(text: string): number {
  const bytes = parseSize(text)
  if (bytes === undefined)
    throw new InvalidArgumentError('Expected a size, for instance 20GB or 500MiB.')
  return bytes
}

/** @returns a parser of whole numbers within bounds */
export function countOption(min: number, max: number): (text: string) => number {
  return (text) => {
    const count = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
    if (count >= min && count <= max) return count
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`)
  }
}

/** @returns the fraction in `5%` or `0.05`, from 0 up to but not 1; `undefined` if it is none */
export function parseFraction(text: string): number | undefined {
  const match = /^(\d{1,3}(?:\.\d{1,9})?)(\s?%)?$/.exec(text)
  if (match === null) return undefined
  const fraction = Number(match[1]) / (match[2] === undefined ? 1 : 100)
  return fraction < 1 ? fraction : undefined
}

export function fractionOption(text: string): number {
  const fraction = parseFraction(text)
  if (fraction !== undefined) return fraction
  throw new InvalidArgumentError('Expected a share of the whole, for instance 5% or 0.05.')
}

/** For options that may be given several times. */
export function collect(value: string, previous: readonly string[]): string[] {
  return [...previous, value]
}

/**
 * @returns the path's bytes: absolute, without `.`, `..` or a slash at the end
 * @throws {UsageError} it is empty, as where a script's variable is: that means no folder, least of all this one
 */
export function pathBytes(path: string, workingFolder: string): Uint8Array {
  if (path === '') throw new UsageError('a path is empty: for the folder you are in, say "."')
  return typedBytes(resolve(workingFolder, path))
}

/** @returns milliseconds of days and hours, as in `30d` or `2d12h`; `undefined` if it is none */
export function parseDurationMs(text: string): number | undefined {
  const duration = parseDuration(text)
  const isPlain = duration !== undefined && duration.years === 0 && duration.months === 0
  const ms = isPlain ? duration.days * 86_400_000 + duration.hours * 3_600_000 : 0
  return ms > 0 ? ms : undefined
}

/**
 * @param msMax - the longest that is accepted
 * @returns a parser of durations as `30d` or `12h`, to milliseconds
 */
export function durationOption(msMax: number): (text: string) => number {
  return (text) => {
    const ms = parseDurationMs(text)
    if (ms !== undefined && ms <= msMax) return ms
    const most = Math.floor(msMax / 86_400_000)
    throw new InvalidArgumentError(`Expected days and hours, for instance 2d12h, up to ${most}d.`)
  }
}

/** @throws {InvalidArgumentError} unless the text is 64 hex digits */
export function vaultOption(text: string): VaultId {
  const id = text.toLowerCase()
  if (isVaultId(id)) return id
  throw new InvalidArgumentError('Expected 64 hex digits, as `cairn status` shows them.')
}

/** @throws {InvalidArgumentError} unless others can be shown the name: 64 bytes at most */
export function nameOption(text: string): string {
  if (text.isWellFormed() && Buffer.byteLength(text) <= NAME_SIZE_MAX) return text
  throw new InvalidArgumentError(`Expected at most ${NAME_SIZE_MAX} bytes.`)
}

/** @returns what this computer calls itself, as far as others can be shown it */
export function ownName(): string {
  const whole = hostname().toWellFormed()
  const { read } = new TextEncoder().encodeInto(whole, new Uint8Array(NAME_SIZE_MAX))
  return whole.slice(0, read)
}
