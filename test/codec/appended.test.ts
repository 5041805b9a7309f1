import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { concat } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import { codecs, type AppendedOutput } from '../../src/codec/codecs.ts'
import { applyDelta, BadSignatureError, makeSignature } from '../../src/codec/rdiff.ts'
import { openSha256 } from '../../src/codec/resumable-sha256.ts'
import { sample } from '../vectors/format.ts'
import { bytesOfSizes, cuts, run, sizesAround, split } from './builders.ts'

const BLOCK = 64

/** Old versions: of whole blocks and not. */
const olds = fc.constantFrom(1, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK, 5 * BLOCK + 7).map(sample)

describe('what was appended to a file', () => {
  it('is read from near the old end, and gives what reading all of it gives', async () => {
    await fc.assert(
      fc.asyncProperty(
        olds,
        bytesOfSizes(...sizesAround(BLOCK), 70_000),
        cuts,
        fc.nat(),
        async (old, added, places, back) => {
          const file = concat(old, added)
          const from = BLOCK * (back % Math.ceil(old.length / BLOCK))
          const outputs = appended(old, from, split(file.subarray(from), places))
          expect(outputs.at(-1)).toEqual({
            type: 'end',
            size: file.length,
            digest: sha256(file),
            signature: makeSignature(file, { blockSize: BLOCK }),
            state: stateOf(file),
          })
          expect(await patched(old, outputs)).toEqual(file)
        },
      ),
    )
  })

  it('goes on from what was stored, whatever became of what is before', async () => {
    const old = sample(5 * BLOCK + 7)
    const file = concat(old, sample(100))
    file[BLOCK - 1]! ^= 1
    const stored = concat(old, file.subarray(old.length))
    const outputs = appended(old, BLOCK, [file.subarray(BLOCK)])
    expect(outputs.at(-1)).toMatchObject({ size: stored.length, digest: sha256(stored) })
    expect(await patched(old, outputs)).toEqual(stored)
  })

  it('is nothing where the old end is another, or is not there', () => {
    fc.assert(
      fc.property(olds, cuts, fc.nat(), fc.boolean(), (old, places, at, isCut) => {
        const file = concat(old, sample(300))
        file[at % old.length]! ^= 1
        const read = isCut ? old.subarray(0, at % old.length) : file
        const outputs = appended(old, 0, split(read, places))
        expect(outputs.filter(({ type }) => type !== 'delta')).toEqual([{ type: 'other' }])
      }),
    )
  })

  it('needs a signature that is one', () => {
    const state = stateOf(sample(100))
    expect(() => codecs.appended({ signature: sample(40), state, from: 0 })).toThrow(
      BadSignatureError,
    )
    const signature = makeSignature(sample(100), { blockSize: BLOCK }).subarray(0, -1)
    expect(() => codecs.appended({ signature, state, from: 0 })).toThrow(BadSignatureError)
  })
})

describe('a file that is read wholly', () => {
  it('gives the state of its hash where that is asked for', () => {
    const file = sample(1_000)
    const params = { cutKey: sample(32), contentSecret: sample(32), blockSize: BLOCK }
    const end = run(codecs.original({ ...params, isResumable: true }), [file]).at(-1)
    expect(end).toMatchObject({ digest: sha256(file), state: stateOf(file) })
    expect(run(codecs.original(params), [file]).at(-1)).toMatchObject({ state: undefined })
  })

  it('and goes on from an old version gives a state, and otherwise none', () => {
    fc.assert(
      fc.property(olds, bytesOfSizes(...sizesAround(BLOCK)), cuts, (old, added, places) => {
        const signature = makeSignature(old, { blockSize: BLOCK })
        const delta = (file: Uint8Array, state: Uint8Array | undefined) =>
          run(codecs.delta({ signature, blockSize: BLOCK, state }), split(file.slice(), places)).at(
            -1,
          )
        const file = concat(old, added)
        expect(delta(file, stateOf(old))).toMatchObject({ state: stateOf(file) })
        // Nothing was hashed before: all of it is now.
        expect(delta(file, openSha256().save())).toMatchObject({ state: stateOf(file) })
        expect(delta(file, undefined)).toMatchObject({ state: undefined })
        const changed = file.with(0, file[0]! ^ 1)
        expect(delta(changed, stateOf(old))).toMatchObject({ state: undefined })
        const shorter = old.subarray(0, -1)
        expect(delta(shorter, stateOf(old))).toMatchObject({ state: undefined })
      }),
    )
  })
})

function appended(old: Uint8Array, from: number, parts: readonly Uint8Array[]): AppendedOutput[] {
  const signature = makeSignature(old, { blockSize: BLOCK })
  return run(
    codecs.appended({ signature, state: stateOf(old), from }),
    parts.map((part) => part.slice()),
  )
}

function stateOf(file: Uint8Array): Uint8Array {
  const hash = openSha256()
  hash.update(file)
  return hash.save()
}

async function patched(old: Uint8Array, outputs: readonly AppendedOutput[]): Promise<Uint8Array> {
  const base = {
    size: old.length,
    read: async (offset: number, length: number) => old.slice(offset, offset + length),
  }
  async function* delta() {
    for (const output of outputs) if (output.type === 'delta') yield output.bytes
  }
  const parts: Uint8Array[] = []
  for await (const part of applyDelta(base, delta(), { sizeMax: 1e9 })) parts.push(part)
  return concat(...parts)
}
