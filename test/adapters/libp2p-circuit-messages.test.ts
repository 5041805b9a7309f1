import fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { fromHex, toHex } from '../../protocol/bytes.ts'
import { FormatError } from '../../protocol/errors.ts'
import { peerIdOf } from '../../protocol/peer-id.ts'
import {
  decode,
  encode,
  HOP_FIELDS,
  statusWords,
  STOP_FIELDS,
  type CircuitMessage,
} from '../../src/adapters/libp2p-circuit-messages.ts'

const PEER = peerIdOf(new Uint8Array(32).fill(7))

describe('circuit messages', () => {
  it('come out as they went in', () => {
    const number = fc.nat({ max: Number.MAX_SAFE_INTEGER }).filter((value) => value > 0)
    const message = fc.record(
      {
        type: fc.nat({ max: 2 }),
        peer: fc.constant(PEER),
        limit: fc.record({ seconds: number, bytes: number }),
        status: fc.nat({ max: 500 }),
      },
      { requiredKeys: ['type'] },
    )
    fc.assert(
      fc.property(message, fc.constantFrom(HOP_FIELDS, STOP_FIELDS), (value, fields) => {
        expect(decode(encode(value as CircuitMessage, fields), fields)).toEqual(value)
      }),
    )
  })

  it('have libp2p’s bytes', () => {
    expect(toHex(encode({ type: 0 }, HOP_FIELDS))).toBe('0800')
    expect(toHex(encode({ type: 2, status: 100 }, HOP_FIELDS))).toBe('08022864')
    expect(toHex(encode({ type: 1, status: 200 }, STOP_FIELDS))).toBe('080120c801')
    const connect = encode({ type: 1, peer: PEER }, HOP_FIELDS)
    expect(toHex(connect)).toBe(`080112280a26002408011220${'07'.repeat(32)}`)
  })

  it('take the largest number there is for one that is out of reach', () => {
    const bytes = fromHex('0802220b10ffffffffffffffffff01')
    expect(decode(bytes, HOP_FIELDS).limit).toEqual({ bytes: Number.MAX_SAFE_INTEGER })
  })

  it('meet damage with nothing but a FormatError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), (bytes) => {
        try {
          decode(bytes, HOP_FIELDS)
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('say in words why not', () => {
    expect(statusWords(204)).toBe('the peer is not connected to it')
    expect(statusWords(undefined)).toBe('it answered with status none')
  })
})
