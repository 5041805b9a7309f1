import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import { makeSignature } from '../../src/codec/rdiff.ts'
import { preparePlain } from '../../src/codec/seal.ts'
import { smallOriginals } from '../../src/codec/small-originals.ts'

const files = fc.array(
  fc.record({
    body: fc.uint8Array({ maxLength: 3_000, size: 'max' }),
    blockSize: fc.constantFrom(null, 256, 512),
  }),
  { maxLength: 12 },
)

describe('small originals', () => {
  it('give of each file what it would give by itself', () => {
    fc.assert(
      fc.property(files, fc.nat(40), (wanted, gap) => {
        let offset = gap
        const places = wanted.map(({ body, blockSize }) => {
          const place = { offset, size: body.length, blockSize }
          offset += body.length + gap
          return place
        })
        const bytes = new Uint8Array(offset)
        for (const [index, { body }] of wanted.entries()) bytes.set(body, places[index]?.offset)

        const [prepared] = smallOriginals().push({ bytes, files: places })
        const alone = wanted.map(({ body }) => preparePlain('content', body))
        expect(prepared?.plains).toEqual(concat(...alone.map(({ plain }) => plain)))
        expect(prepared?.digests).toEqual(
          concat(...wanted.flatMap(({ body }, at) => [sha256(body), alone[at]!.digest])),
        )
        expect(prepared?.files).toEqual(
          wanted.map(({ body, blockSize }, at) => ({
            plainSize: alone[at]?.plain.length,
            signature: blockSize === null ? undefined : makeSignature(body, { blockSize }),
          })),
        )
      }),
    )
  })
})
