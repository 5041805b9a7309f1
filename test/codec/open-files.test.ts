import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'

import { sha256 } from '../../protocol/hash.ts'
import type { ObjectKind } from '../../protocol/object.ts'
import type { ObjectKey } from '../../protocol/reference.ts'
import { openContent } from '../../src/codec/open-content.ts'
import { openFiles, packSealedFiles, type SealedFile } from '../../src/codec/open-files.ts'
import { preparePlain, rawKey, runSecret, seal } from '../../src/codec/seal.ts'
import { run } from './builders.ts'

const secret = sha256(new Uint8Array(32))

describe('files opened together', () => {
  it('come out as they were sealed, whatever their keys and in whatever pieces', () => {
    fc.assert(
      fc.property(fc.array(fc.array(content, { maxLength: 4 }), { maxLength: 6 }), (contents) => {
        const files = contents.map((parts) => sealed(parts))
        const { bytes, offsets } = open(files)
        for (const [index, parts] of contents.entries()) {
          const wanted = joined(parts)
          const offset = offsets[index]!
          expect(bytes.slice(offset, offset + wanted.length)).toEqual(wanted)
        }
      }),
    )
  })

  it.each<[string, (file: Made) => Made]>([
    ['bytes', (file) => ({ ...file, sealed: flipped(file.sealed, 40) })],
    ['commitment', (file) => ({ ...file, sealed: flipped(file.sealed, 0) })],
    ['digest', (file) => ({ ...file, digest: secret })],
    ['size: longer', (file) => ({ ...file, size: file.size + 1 })],
    ['size: shorter', (file) => ({ ...file, size: file.size - 1 })],
    ['order', (file) => ({ ...file, references: file.references.toReversed() })],
    ['kind', () => sealed([sample(30)], 'delta')],
    ['objects', (file) => ({ ...file, sealed: new Uint8Array(0), references: [] })],
  ])('are left out, and no other, when one has a wrong %s', (_, spoil) => {
    const [a, b, c] = [[sample(50), sample(20)], [sample(70), sample(10)], [sample(33)]] as const
    const { bytes, offsets } = open([sealed(a), spoil(sealed(b)), sealed(c)])
    expect(offsets).toEqual([0, -1, 70])
    expect(bytes).toEqual(joined([...a, ...c]))
  })

  it('need no digest where the key of the one object vouches for them', () => {
    const file = { ...sealed([sample(9)]), digest: undefined }
    expect(open([file]).bytes).toEqual(sample(9))
  })
})

describe('a large file opened object by object', () => {
  it('gives each one’s content, and at the end its digest', () => {
    const parts = [sample(100), new Uint8Array(0), sample(7)]
    const { references, objects } = sealed(parts)
    const inputs = references.map(({ key }, index) => ({
      type: 'sealed' as const,
      bytes: objects[index]!.slice(),
      key,
    }))
    const end = { type: 'end', size: 107, digest: sha256(joined(parts)) }
    const contents = parts.map((bytes) => ({ type: 'content', bytes }))
    expect(run(openContent({}), inputs)).toEqual([...contents, end])
  })

  it('goes on where one was wrong and was come by in another way', () => {
    const { references, objects } = sealed([sample(50)])
    const bytes = objects[0]!.slice()
    bytes[44]! ^= 1
    const codec = openContent({})
    expect(codec.push({ type: 'sealed', bytes, key: references[0]!.key })).toEqual([
      { type: 'wrong' },
    ])
    expect(codec.push({ type: 'plain', bytes: sample(50) })).toHaveLength(1)
    expect(codec.close()).toEqual([{ type: 'end', size: 50, digest: sha256(sample(50)) }])
  })
})

const content = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.nat(300).map((size) => new Uint8Array(size).fill(7)),
)

interface Made extends SealedFile {
  readonly sealed: Uint8Array
  readonly objects: readonly Uint8Array[]
}

/** The first object has a key of its own, the others those of a run. */
function sealed(parts: readonly Uint8Array[], kind: ObjectKind = 'content'): Made {
  const prepared = parts.map((part) => preparePlain(kind, part))
  const ofRun = runSecret(
    secret,
    prepared.map(({ digest }) => digest),
  )
  let offset = 0
  const made = prepared.map(({ plain, digest }, ordinal) => {
    const key: ObjectKey =
      ordinal === 0 ? rawKey(secret, digest) : { type: 'run', secret: ofRun, ordinal }
    const object = seal(plain, key)
    offset += object.length
    return {
      object,
      reference: { pack: 1, offset: offset - object.length, length: object.length, key },
    }
  })
  const objects = made.map(({ object }) => object)
  const whole = joined(parts)
  return {
    references: made.map(({ reference }) => reference),
    size: whole.length,
    digest: sha256(whole),
    sealed: joined(objects),
    objects,
  }
}

function open(files: readonly Made[]) {
  const all = packSealedFiles(files, joined(files.map((file) => file.sealed)))
  const [opened] = openFiles({}).push(structuredClone(all))
  return opened!
}

function flipped(bytes: Uint8Array, at: number): Uint8Array {
  return bytes.map((byte, index) => (index === at ? byte ^ 1 : byte))
}

function sample(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, (_, at) => (at * 31 + size) % 251)
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}
