import { describe, expect, it } from 'vitest'
import { Signatures } from '../../src/store/signatures.ts'
import { memoryDatabase } from '../support/memory-database.ts'

describe('signatures', () => {
  it('are there until the cap is passed; then the oldest go, and no more than must', () => {
    const signatures = new Signatures(memoryDatabase(), localKey, 100)
    for (let content = 1; content <= 5; content += 1) put(signatures, content, 20)
    signatures.trim()
    expect(kept(signatures)).toEqual([1, 2, 3, 4, 5])
    put(signatures, 6, 30)
    signatures.trim()
    expect(kept(signatures)).toEqual([3, 4, 5, 6])
  })

  it('count as used when they are put again', () => {
    const signatures = new Signatures(memoryDatabase(), localKey, 60)
    for (const content of [1, 2, 3, 1, 4]) put(signatures, content, 20)
    signatures.trim()
    expect(kept(signatures)).toEqual([1, 3, 4])
  })

  it('larger than all that may be kept are not kept', () => {
    const signatures = new Signatures(memoryDatabase(), localKey, 60)
    put(signatures, 1, 20)
    put(signatures, 2, 61)
    signatures.trim()
    expect(kept(signatures)).toEqual([1])
  })

  it('come back as they were, and go one by one', () => {
    const signatures = new Signatures(memoryDatabase(), localKey)
    signatures.put(Uint8Array.of(1), Uint8Array.of(5, 6))
    expect(signatures.get(Uint8Array.of(1))).toEqual(Uint8Array.of(5, 6))
    signatures.remove(Uint8Array.of(1))
    signatures.remove(Uint8Array.of(2))
    expect(signatures.get(Uint8Array.of(1))).toBeUndefined()
  })

  it('keep from where a file goes on, sealed, and for as long as they are there', () => {
    const database = memoryDatabase()
    const signatures = new Signatures(database, localKey)
    const content = Uint8Array.of(1)
    const tail = { from: 2 ** 40, state: new Uint8Array(60).fill(9) }
    expect(signatures.tail(content)).toBeUndefined()
    signatures.put(content, Uint8Array.of(5), tail)
    // The same bytes signed again: nothing else is known of them than before.
    signatures.put(content, Uint8Array.of(6))
    signatures.put(content, Uint8Array.of(6), { ...tail, from: 1 })
    expect(signatures.get(content)).toEqual(Uint8Array.of(6))
    expect(signatures.tail(content)).toEqual(tail)

    const row = database.prepare('SELECT tail FROM signatures').get()
    expect(Buffer.from(row?.['tail'] as Uint8Array).includes(tail.state.subarray(0, 8))).toBe(false)
    expect(new Signatures(database, new Uint8Array(32)).tail(content)).toBeUndefined()
    signatures.remove(content)
    expect(signatures.tail(content)).toBeUndefined()
    // Without one a file is not gone on with, and no copy of it changes that.
    signatures.put(content, Uint8Array.of(5))
    signatures.put(content, Uint8Array.of(5), tail)
    expect(signatures.tail(content)).toBeUndefined()
  })
})

const localKey = new Uint8Array(32).fill(7)

function put(signatures: Signatures, content: number, size: number): void {
  signatures.put(Uint8Array.of(content), new Uint8Array(size))
}

function kept(signatures: Signatures): number[] {
  return [1, 2, 3, 4, 5, 6].filter((one) => signatures.get(Uint8Array.of(one)) !== undefined)
}
