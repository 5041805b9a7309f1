import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sha256 } from '../../protocol/hash.ts'
import { utf8 } from '../../protocol/bytes.ts'
import { Contents } from '../../src/store/contents.ts'
import { memoryDatabase } from '../support/memory-database.ts'

const localKey = new Uint8Array(32).fill(1)
const digest = sha256(utf8('a letter'))
const key = new Uint8Array(32).fill(9)

describe('contents', () => {
  it('give the key of an object to whoever has its bytes', () => {
    const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
    const number = fc.nat()
    fc.assert(
      fc.property(bytes32, bytes32, number, number, number, (id, secret, pack, offset, length) => {
        const contents = new Contents(memoryDatabase(), localKey)
        contents.add(id, { pack, offset, length }, secret)
        const found = { pack, offset, length, key: { type: 'raw', secret } }
        expect(contents.find(id)).toEqual(found)
      }),
      { numRuns: 20 },
    )
  })

  it('hold neither digest nor key as they are', () => {
    const database = memoryDatabase()
    new Contents(database, localKey).add(digest, { pack: 1, offset: 2, length: 3 }, key)
    const stored = Buffer.from(database.serialize())
    expect(stored.includes(digest)).toBe(false)
    expect(stored.includes(key)).toBe(false)
  })

  it('outside what was copied of a pack are forgotten', () => {
    const contents = new Contents(memoryDatabase(), localKey)
    const at = (pack: number, offset: number) => sha256(utf8(`${pack} ${offset}`))
    for (const pack of [1, 2]) {
      for (let offset = 0; offset < 100; offset += 10) {
        contents.add(at(pack, offset), { pack, offset, length: 10 }, key)
      }
    }
    contents.forgetOutside(1, [
      { offset: 5, length: 25 },
      { offset: 80, length: 10 },
    ])
    const left = (pack: number) =>
      Array.from({ length: 10 }, (_, index) => 10 * index).filter(
        (offset) => contents.find(at(pack, offset)) !== undefined,
      )
    expect([left(1), left(2)]).toEqual([
      [10, 20, 80],
      [0, 10, 20, 30, 40, 50, 60, 70, 80, 90],
    ])
  })

  it('mean nothing under another key, and nothing beside another digest', () => {
    const database = memoryDatabase()
    const contents = new Contents(database, localKey)
    contents.add(digest, { pack: 1, offset: 2, length: 3 }, key)
    expect(new Contents(database, new Uint8Array(32)).find(digest)).toBeUndefined()

    // A thief who moves the row under the id of bytes that he knows gets another key.
    const known = sha256(utf8('known to the thief'))
    database.prepare('UPDATE contents SET id = ?').run(contents.id(known))
    expect(contents.find(known)?.key.secret).not.toEqual(key)
  })

  it('mask each key with a pad of its own', () => {
    const database = memoryDatabase()
    const contents = new Contents(database, localKey)
    contents.add(digest, { pack: 1, offset: 2, length: 3 }, key)
    contents.add(sha256(utf8('another')), { pack: 1, offset: 5, length: 3 }, key)
    const rows = database.prepare('SELECT sealed_key FROM contents').all()
    const [a, b] = rows.map((row) => row['sealed_key'])
    expect(a).not.toEqual(b)
  })

  it('name bytes by 16 bytes that differ between vaults', () => {
    const database = memoryDatabase()
    const ids = [localKey, new Uint8Array(32)].map((one) => new Contents(database, one).id(digest))
    expect(ids[0]).toHaveLength(16)
    expect(ids[0]).not.toEqual(ids[1])
  })

  it('forget what lies in one pack', () => {
    const contents = new Contents(memoryDatabase(), localKey)
    const other = sha256(utf8('another'))
    contents.add(digest, { pack: 1, offset: 2, length: 3 }, key)
    contents.add(other, { pack: 2, offset: 2, length: 3 }, key)
    contents.forgetPack(1)
    expect([contents.find(digest), contents.find(other)?.pack]).toEqual([undefined, 2])
  })
})
