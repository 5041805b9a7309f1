/**
 * What passes between WorkerCompute and its workers.
 *
 * Byte arrays are moved, not copied, where an array is its whole buffer; a view of a larger buffer is
 * cut out first, or the rest of the buffer would travel too. Errors travel as data and are made
 * again at the other side.
 */

import { CairnError, FormatError } from '../base/errors.ts'

/** One call; calls to one worker are answered in their order. */
export interface Call {
  readonly call: number
  readonly run: number
  readonly work:
    | { readonly type: 'open'; readonly codec: string; readonly params: unknown }
    | { readonly type: 'push'; readonly input: unknown }
    | { readonly type: 'close' }
    | { readonly type: 'cancel' }
}

export type Answer =
  | { readonly call: number; readonly outputs: unknown[] }
  | { readonly call: number; readonly failure: Failure }

/** An error as data. */
export interface Failure {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
  readonly isFormatError: boolean
  /** The error's own facts beside name and message, where they can travel. */
  readonly fields: Readonly<Record<string, unknown>>
}

/** A class of errors that workers throw, so that `instanceof` holds on this side too. */
export type ErrorClass = abstract new (...parameters: never) => Error

/** @returns the value with every byte array in a buffer of its own, and those buffers */
export function handOver(value: unknown): { value: unknown; buffers: ArrayBuffer[] } {
  const buffers = new Set<ArrayBuffer>()
  return { value: moved(value, buffers), buffers: [...buffers] }
}

function moved(value: unknown, buffers: Set<ArrayBuffer>): unknown {
  if (value instanceof Uint8Array) return movedBytes(value, buffers)
  if (Array.isArray(value)) return value.map((each) => moved(each, buffers))
  if (!isPlainObject(value)) return value
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, moved(each, buffers)]))
}

function movedBytes(bytes: Uint8Array, buffers: Set<ArrayBuffer>): Uint8Array {
  const { buffer } = bytes
  const isWhole = buffer instanceof ArrayBuffer && buffer.byteLength === bytes.length
  // A small Buffer may fill its buffer too, but then the buffer is nobody else's either.
  // Copied as a block: `Uint8Array.from` goes from byte to byte.
  const own = isWhole ? new Uint8Array(buffer) : new Uint8Array(bytes)
  buffers.add(own.buffer)
  return own
}

export function toFailure(error: unknown): Failure {
  if (!(error instanceof Error)) {
    const message = String(error)
    return { name: 'Error', message, stack: undefined, isFormatError: false, fields: {} }
  }
  const { name, message, stack } = error
  const isFormatError = error instanceof FormatError
  return { name, message, stack, isFormatError, fields: fieldsOf(error) }
}

/** @returns an error of the class with that name if it is known, else of the nearest family */
export function fromFailure(failure: Failure, classes: readonly ErrorClass[]): Error {
  const { name, message, stack, fields } = failure
  const known = classes.find((each) => each.name === name)
  const family = failure.isFormatError ? FormatError : Error
  const error = new family(message)
  if (known !== undefined) Object.setPrototypeOf(error, known.prototype)
  Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true })
  Object.defineProperty(error, 'stack', { value: stack, configurable: true, writable: true })
  return Object.assign(error, fields)
}

/** Facts of our own errors: text, numbers, truth values and bytes. */
function fieldsOf(error: Error): Record<string, unknown> {
  if (!(error instanceof CairnError)) return {}
  const facts = Object.entries(error).filter(([key, value]) => key !== 'name' && isFact(value))
  return Object.fromEntries(facts)
}

function isFact(value: unknown): boolean {
  const simple = ['string', 'number', 'bigint', 'boolean', 'undefined']
  return simple.includes(typeof value) || value instanceof Uint8Array
}

function isPlainObject(value: unknown): value is object {
  return (
    typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype
  )
}
