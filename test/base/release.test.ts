import { describe, expect, it } from 'vitest'
import { release } from '../../src/base/release.ts'

const KIB = 1024

describe('a released array', () => {
  it('reads as empty, and so does every view of it', () => {
    const bytes = new Uint8Array(64 * KIB).fill(1)
    const view = bytes.subarray(10, 20)
    release(bytes)
    expect([bytes.length, bytes.buffer.byteLength, view.length]).toEqual([0, 0, 0])
    release(bytes)
  })

  it('stays as it is where it is a part of something, small, or shared', () => {
    const whole = new Uint8Array(256 * KIB)
    const part = whole.subarray(0, 128 * KIB)
    const small = new Uint8Array(64 * KIB - 1)
    const shared = new Uint8Array(new SharedArrayBuffer(128 * KIB))
    for (const bytes of [part, small, shared]) release(bytes)
    expect([part.length, small.length, shared.length]).toEqual([128 * KIB, 64 * KIB - 1, 128 * KIB])
  })
})
