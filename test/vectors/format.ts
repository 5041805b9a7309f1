/**
 * Test vectors: one scenario a file, so that another program can check itself against ours.
 *
 * A file `test/vectors/<format>/<scenario>.txt` is header lines `key: value`, a blank line, and the
 * bytes in lines of up to 64 hex digits. Headers: `format`; `expect` (`success` or the error's name);
 * `comment` (why it is so); any the format adds (such as a key); and for success `value`, what comes out.
 *
 * Each format has a module `test/vectors/<format>.vectors.ts` that exports {@link VectorModule}.
 */

import { fromHex, toHex } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'

const LINE_LENGTH = 64
const VALUE_LENGTH_MAX = 1000

/** Further header lines of a scenario; what its decoder needs besides the bytes. */
export type Fields = Readonly<Record<string, string>>

export interface Scenario {
  /** File name without `.txt`: a statement in kebab case. */
  readonly name: string
  /** `success`, or the name of the error that the decoder throws. */
  readonly expect: string
  /** One line: why. */
  readonly comment: string
  readonly bytes: Uint8Array
  readonly fields?: Fields
}

/** What `test/vectors/<format>.vectors.ts` exports. */
export interface VectorModule {
  readonly scenarios: readonly Scenario[]
  /**
   * Decode as the product does.
   *
   * @returns what comes out, now or as a promise: plain objects, arrays, bytes, numbers, bigints, text
   * @throws the error that the scenario names
   */
  readonly decode: (bytes: Uint8Array, fields: Fields) => unknown
}

/** A scenario as its file holds it. */
export interface Vector extends Scenario {
  readonly format: string
  readonly fields: Fields
  /** {@link describeValue} of what the decoder gave; for success only. */
  readonly value: string | undefined
}

/** @returns the file's text */
export function formatVector(vector: Vector): string {
  const headers: [string, string][] = [
    ['format', vector.format],
    ['expect', vector.expect],
    ['comment', vector.comment],
    ...Object.entries(vector.fields),
  ]
  if (vector.value !== undefined) headers.push(['value', vector.value])
  const head = headers.map(([key, value]) => `${key}: ${value}\n`).join('')
  const lines = toHex(vector.bytes).match(new RegExp(`.{1,${LINE_LENGTH}}`, 'g')) ?? []
  return `${head}\n${lines.map((line) => `${line}\n`).join('')}`
}

/** The inverse of {@link formatVector}. */
export function parseVector(name: string, text: string): Vector {
  const split = text.indexOf('\n\n')
  const headers = new Map<string, string>()
  for (const line of text.slice(0, split).split('\n')) {
    const colon = line.indexOf(': ')
    headers.set(line.slice(0, colon), line.slice(colon + 2))
  }
  const { format = '', expect = '', comment = '', value, ...fields } = Object.fromEntries(headers)
  const bytes = fromHex(text.slice(split).replaceAll('\n', ''))
  return { name, format, expect, comment, value, fields, bytes }
}

/** @returns a value on one line: JSON with bytes as `hex:…`, maps as pairs; very long ones by their hash */
export function describeValue(value: unknown): string {
  const text = JSON.stringify(value, (_, part: unknown) => {
    if (part instanceof Uint8Array) return `hex:${toHex(part)}`
    if (part instanceof Map) return [...part]
    if (typeof part === 'bigint') return `int:${part}`
    return part
  })
  if (text === undefined) return 'nothing'
  if (text.length <= VALUE_LENGTH_MAX) return text
  return `sha256:${toHex(sha256(new TextEncoder().encode(text)))} of ${text.length} characters`
}

/** A byte changed: for negative scenarios. Negative indices count from the end. */
export function flip(bytes: Uint8Array, index: number, mask = 1): Uint8Array {
  const at = index < 0 ? bytes.length + index : index
  return bytes.map((byte, position) => (position === at ? byte ^ mask : byte))
}

/** Bytes that look random and are always the same. */
export function sample(size: number, seed = 1): Uint8Array {
  const bytes = new Uint8Array(size)
  let state = seed
  for (let index = 0; index < size; index++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    bytes[index] = state >>> 24
  }
  return bytes
}
