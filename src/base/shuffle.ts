/**
 * Shuffle: any order as likely as any other.
 */

import type { Random } from '../ports/random.ts'

/** @returns the same items in a random order */
export function shuffled<T>(random: Random, items: readonly T[]): T[] {
  const order = [...items]
  for (let last = order.length - 1; last > 0; last -= 1) {
    const bytes = random.bytes(4)
    const chosen = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0) % (last + 1)
    const [one, other] = [order[last], order[chosen]]
    if (one === undefined || other === undefined) continue
    order[last] = other
    order[chosen] = one
  }
  return order
}
