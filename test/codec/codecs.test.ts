import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { sha256 } from '../../protocol/hash.ts'
import { CHUNK_SIZES, Chunker, gearTable } from '../../src/codec/chunker.ts'
import { codecs } from '../../src/codec/codecs.ts'
import { encodePack } from '../../src/codec/encode-pack.ts'
import {
  BadSignatureError,
  makeDelta,
  makeSignature,
  parseSignature,
} from '../../src/codec/rdiff.ts'
import { openSha256 } from '../../src/codec/resumable-sha256.ts'
import { sample } from '../vectors/format.ts'
import { makeContentObject } from '../../src/codec/content-object.ts'
import { bytesOfSizes, cuts, run, sizesAround, split } from './builders.ts'

const cutKey = sample(32)
const contentSecret = sample(32)
const blockSize = 64

describe('the codec of originals', () => {
  it('gives objects, the digest and the signature of the same bytes', () => {
    fc.assert(
      fc.property(bytesOfSizes(...sizesAround(blockSize)), cuts, (file, places) => {
        const outputs = run(
          codecs.original({ cutKey, contentSecret, blockSize }),
          split(file, places),
        )
        const made = makeContentObject(file, contentSecret)
        const object = { type: 'object', size: file.length, ...made }
        expect(outputs).toEqual([
          ...(file.length > 0 ? [object] : []),
          {
            type: 'end',
            size: file.length,
            digest: sha256(file),
            signature: makeSignature(file, { blockSize }),
          },
        ])
      }),
    )
  })

  it('cuts only files above 1 MiB, and says each chunk when it is known', () => {
    const codec = codecs.original({ cutKey, contentSecret, blockSize: null })
    const file = sample(9 * 1024 * 1024)
    expect(codec.push(file.slice(0, CHUNK_SIZES.sizeAverage))).toEqual([])
    const chunks = codec.push(file.slice(CHUNK_SIZES.sizeAverage))
    expect(chunks.length).toBeGreaterThan(1)
    const end = codec.close()
    const expected = run(new Chunker(gearTable(cutKey)), [file])
    expect([...chunks, ...end]).toEqual([
      ...expected.map((bytes) => ({
        type: 'object',
        size: bytes.length,
        ...makeContentObject(bytes, contentSecret),
      })),
      { type: 'end', size: file.length, digest: sha256(file), signature: undefined },
    ])

    const whole = codecs.original({ cutKey, contentSecret, blockSize: null })
    const outputs = run(whole, [file.slice(0, CHUNK_SIZES.sizeAverage)])
    expect(outputs.map(({ type }) => type)).toEqual(['object', 'end'])
  })
})

describe('the codec of deltas', () => {
  it('gives the delta, the digest and the new signature of the same bytes', () => {
    const old = sample(1000)
    const signature = makeSignature(old, { blockSize })
    fc.assert(
      fc.property(bytesOfSizes(...sizesAround(blockSize)), cuts, (added, places) => {
        const file = new Uint8Array(Buffer.concat([added, old]))
        const outputs = run(codecs.delta({ signature, blockSize: 128 }), split(file, places))
        const parts = outputs.filter((output) => output.type === 'delta')
        const delta = new Uint8Array(Buffer.concat(parts.map(({ bytes }) => bytes)))
        expect(delta).toEqual(makeDelta(parseSignature(signature), file))
        expect(outputs.at(-1)).toEqual({
          type: 'end',
          size: file.length,
          digest: sha256(file),
          signature: makeSignature(file, { blockSize: 128 }),
          literalSize: added.length,
          deltaSize: delta.length,
        })
      }),
    )
  })

  it('says early that nothing matches', () => {
    const signature = makeSignature(sample(1000), { blockSize })
    const codec = codecs.delta({ signature, blockSize })
    const [output] = codec.push(sample(500_000, 2))
    expect(output).toMatchObject({ type: 'delta', literalSize: 500_000 - blockSize })
  })

  it('refuses a bad signature at once', () => {
    expect(() => codecs.delta({ signature: sample(20), blockSize })).toThrow(BadSignatureError)
  })
})

describe('the codec of digests', () => {
  it('gives the size and SHA-256 of what passed, and what was asked for beside', () => {
    fc.assert(
      fc.property(bytesOfSizes(...sizesAround(64)), cuts, (file, places) => {
        const known = { size: file.length, digest: sha256(file) }
        const alone = codecs.digest({ blockSize: null, isResumable: false })
        expect(run(alone, split(file, places))).toEqual([known])
        const hash = openSha256()
        hash.update(file)
        expect(run(codecs.digest({ blockSize, isResumable: true }), split(file, places))).toEqual([
          { ...known, signature: makeSignature(file, { blockSize }), state: hash.save() },
        ])
      }),
    )
  })
})

describe('the codecs of packs', () => {
  it('are encodePack and decodePack', () => {
    const code = { needed: 2, total: 4, leafSize: 4096 }
    const pack = sample(10_000)
    const [encoded] = run(codecs.encodePack(code), [{ bytes: pack, size: pack.length }])
    expect(encoded).toEqual(encodePack(pack, code))
    const pieces = encoded!.pieces.map((bytes, index) => ({ index, bytes }))
    const manifest = encoded!.manifest
    expect(run(codecs.decodePack({ manifest }), [pieces.slice(2)])).toEqual([pack])
  })

  it('take a pack with room behind it', () => {
    const code = { needed: 2, total: 4, leafSize: 4096 }
    const bytes = sample(10_000)
    const pack = bytes.slice(0, 7_000)
    expect(run(codecs.encodePack(code), [{ bytes, size: 7_000 }])).toEqual([encodePack(pack, code)])
  })
})

describe('what crosses between threads', () => {
  it('survives a structured clone as it is', () => {
    const pack = codecs.encodePack({ needed: 1, total: 2, leafSize: 4096 }).push({
      bytes: sample(10),
      size: 10,
    })
    const file = run(codecs.original({ cutKey, contentSecret, blockSize }), [sample(100)])
    const signature = makeSignature(sample(100), { blockSize })
    const delta = run(codecs.delta({ signature, blockSize }), [sample(90)])
    for (const outputs of [pack, file, delta]) expect(structuredClone(outputs)).toEqual(outputs)
  })

  it('owns its buffers, so that they can be transferred', () => {
    const input = sample(100)
    const signature = makeSignature(input, { blockSize })
    const outputs = [
      ...run(codecs.original({ cutKey, contentSecret, blockSize }), [input]),
      ...run(codecs.delta({ signature, blockSize }), [input]),
      ...run(codecs.encodePack({ needed: 1, total: 2, leafSize: 4096 }), [
        { bytes: input, size: input.length },
      ]),
    ]
    const buffers = outputs.flatMap(buffersOf)
    expect(new Set([input.buffer, ...buffers]).size).toBe(1 + buffers.length)
    expect(() => structuredClone(outputs, { transfer: buffers })).not.toThrow()
  })
})

function buffersOf(value: unknown): ArrayBuffer[] {
  if (value instanceof Uint8Array) return value.buffer instanceof ArrayBuffer ? [value.buffer] : []
  if (typeof value !== 'object' || value === null) return []
  return Object.values(value).flatMap(buffersOf)
}
