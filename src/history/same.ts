/**
 * Whether two values of the tree are the same through and through.
 */

import { equal } from '../../protocol/bytes.ts'

/** For plain objects, arrays, bytes and primitives; an absent field equals one that is `undefined`. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    return a instanceof Uint8Array && b instanceof Uint8Array && equal(a, b)
  }
  if (!isObject(a) || !isObject(b)) return false
  if (Array.isArray(a) && (!Array.isArray(b) || a.length !== b.length)) return false
  for (const key in a) if (!same(a[key], b[key])) return false
  for (const key in b) if (b[key] !== undefined && a[key] === undefined) return false
  return true
}

/** @returns whether two lists hold the very same values */
export function isSameList<T>(a: readonly T[], b: readonly T[]): boolean {
  return a.length === b.length && a.every((value, index) => value === b[index])
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
