import { describe, expect, it } from 'vitest'
import { sha256 } from '../../protocol/hash.ts'
import { makeContentObject, RUN_OBJECT_SIZE_MAX } from '../../src/codec/content-object.ts'
import { open, openPlain, preparePlain, rawKey } from '../../src/codec/seal.ts'
import { noise } from '../support/test-vault.ts'

const secret = new Uint8Array(32).fill(7)
const HEADER_SIZE = 6

describe('a content object', () => {
  it('is sealed under its own key where it is large', () => {
    const body = noise(RUN_OBJECT_SIZE_MAX - HEADER_SIZE + 1)
    const object = makeContentObject(body.slice(), secret)
    expect(object.digest).toEqual(sha256(body))
    if (object.form !== 'sealed') throw new Error('a large object is sealed at once')
    const { digest } = preparePlain('content', body)
    expect({ type: 'raw', secret: object.secret }).toEqual(rawKey(secret, digest))
    const key = { type: 'raw', secret: object.secret } as const
    expect(open(object.sealed, key)).toEqual({ kind: 'content', body })
    expect(sha256(openPlain(object.sealed, key))).toEqual(digest)
  })

  it('waits in its plain form for a run where it is small, or becomes small', () => {
    for (const body of [noise(RUN_OBJECT_SIZE_MAX - HEADER_SIZE), new Uint8Array(4_000_000)]) {
      const object = makeContentObject(body.slice(), secret)
      const { plain, digest } = preparePlain('content', body)
      expect(object).toEqual({ digest: sha256(body), form: 'plain', plain, plainDigest: digest })
    }
  })
})
