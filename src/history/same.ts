/**
 * Whether two values of the tree are the same through and through.
 */

import { equal } from '../../protocol/bytes.ts'

/** For plain objects, arrays, bytes and primitives; an absent field equals one that is `undefined`. */
export function same(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (a instanceof Uint8Array || b instanceof Uint8Array) {
    return a instanceof Uint8Array && b instanceof Uint8Array && equal(a, b)
  }
  const first = a as Readonly<Record<string, unknown>>
  const second = b as Readonly<Record<string, unknown>>
  if (Array.isArray(a) && (!Array.isArray(b) || a.length !== b.length)) return false
  for (const key in first) if (!same(first[key], second[key])) return false
  for (const key in second) if (second[key] !== undefined && first[key] === undefined) return false
  return true
}
