import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { NodeFiles } from '../../src/adapters/node-files.ts'
import { zodbAdapter } from '../../src/source/adapters/zodb.ts'
import { SafeSources } from '../../src/source/safe-sources.ts'
import { makeFolder } from '../adapters/folder.ts'
import { DataFs, openStorage } from '../support/data-fs.ts'
import { adapterSuite } from './adapter.suite.ts'

adapterSuite('ZODB', {
  make: () => zodbAdapter(),
  open: (path) => {
    const storage = new DataFs(path)
    let count = 0
    return {
      commit: (size) => {
        count += 1
        storage.commit({ oid: 0, data: noise(100) }, { oid: count, data: noise(size) })
      },
      beginChange: () => void storage.vote({ oid: 0, data: noise(1_000) }),
      close: () => undefined,
    }
  },
  check: (path) => {
    const { transactions, scannedFrom, torn } = openStorage(path)
    expect(torn).toBe(0)
    expect(scannedFrom).toBe(statSync(path).size)
    return transactions
  },
})

describe('a FileStorage', () => {
  it('ends with the last complete transaction, wherever the one under way is cut off', async () => {
    const { path, storage, kept } = place()
    storage.commit({ oid: 0, data: noise(50) })
    storage.commit({ oid: 1, data: noise(50) }, { oid: 2, data: noise(0) })
    const whole = statSync(path).size
    const next = storage.transaction(
      whole,
      ' ',
      { oid: 1, data: noise(70) },
      { oid: 3, data: noise(9) },
    )
    for (let size = 0; size < next.length; size += 1) {
      truncateSync(path, whole)
      appendFileSync(path, next.subarray(0, size))
      expect((await kept()).storage).toHaveLength(whole)
    }
    appendFileSync(path, next.subarray(next.length - 1))
    expect((await kept()).storage).toHaveLength(whole + next.length)
  })

  it('ends before zeros that a power cut left', async () => {
    const { path, storage, kept } = place()
    storage.commit({ oid: 0, data: noise(50) })
    const whole = statSync(path).size
    appendFileSync(path, new Uint8Array(10_000))
    expect((await kept()).storage).toHaveLength(whole)
  })

  it('of no transaction is four bytes', async () => {
    const { kept } = place()
    expect((await kept()).storage).toHaveLength(4)
  })

  it('has the same index, whether or not an older one lay beside it', async () => {
    const { path, storage, kept } = place()
    for (let oid = 0; oid < 50; oid += 1) storage.commit({ oid, data: noise(30) })
    const older = (await kept()).index
    for (let oid = 40; oid < 60; oid += 1) storage.commit({ oid, data: noise(40) })
    const { index } = await kept()
    expect(index).not.toEqual(older)
    writeFileSync(`${path}.index`, older)
    expect((await kept()).index).toEqual(index)
  })

  it.each([
    ['of another storage', (index: Uint8Array) => index.with(index.length - 7, 99)],
    ['that is cut off', (index: Uint8Array) => index.subarray(0, 20)],
    ['of no bytes', () => new Uint8Array(0)],
    ['of another form', () => Buffer.from('(dp0\n.')],
  ])('does not trust an index %s', async (_, spoil) => {
    const { path, storage, kept } = place()
    for (let oid = 0; oid < 5; oid += 1) storage.commit({ oid, data: noise(30) })
    const { index } = await kept()
    writeFileSync(`${path}.index`, spoil(new Uint8Array(index)))
    expect((await kept()).index).toEqual(index)
  })

  it.each([
    ['a text', Buffer.from(`FS30 flights of the year\n${'a line of notes\n'.repeat(100)}`)],
    ['a short text', Buffer.from('FS21 and so on')],
    ['a photograph', Buffer.concat([Buffer.from('FS30'), noise(300_000)])],
  ])('is not what only begins like one: %s is kept as it is', async (_, bytes) => {
    const { path, sources } = place()
    writeFileSync(path, bytes)
    const own = sources()
    expect(await own.open(Buffer.from(path), never)).toBeUndefined()
    expect(own.unsafe).toHaveLength(1)
  })

  it.each([
    ['its length', (header: Uint8Array) => header.set([0, 0, 1], 8)],
    ['all of its header', (header: Uint8Array) => header.fill(0, 0, 23)],
  ])('keeps what is behind a transaction that lost %s', async (_, spoil) => {
    const { path, storage, sources } = place()
    storage.commit({ oid: 0, data: noise(50) })
    const middle = statSync(path).size
    for (let oid = 0; oid < 5; oid += 1) storage.commit({ oid, data: noise(5_000) })
    storage.vote({ oid: 0, data: noise(50) })
    const bytes = readFileSync(path)
    spoil(bytes.subarray(middle))
    writeFileSync(path, bytes)
    const own = sources()
    expect(await own.open(Buffer.from(path), never)).toBeUndefined()
    expect(own.unsafe[0]?.why).toBe(`its transaction at ${middle} is damaged`)
  })

  it('that is damaged in the middle is kept as it is, and it is told', async () => {
    const { path, storage, sources } = place()
    storage.commit({ oid: 0, data: noise(50) })
    const middle = statSync(path).size
    storage.commit({ oid: 0, data: noise(50) })
    storage.vote({ oid: 0, data: noise(50) })
    const bytes = readFileSync(path)
    bytes[middle + 12] = 0xff
    bytes[middle + 15] = 0x40
    writeFileSync(path, bytes)
    const own = sources()
    // ZODB takes a length beyond the end for a transaction under way, and cuts off all from there on.
    expect(await own.open(Buffer.from(path), never)).toBeUndefined()
    bytes[middle + 12] = 0
    bytes[middle + 15] = 0x40
    writeFileSync(path, bytes)
    const again = sources()
    expect(await again.open(Buffer.from(path), never)).toBeUndefined()
    expect(again.unsafe).toEqual([
      { path: Buffer.from(path), why: `its transaction at ${middle} is damaged` },
    ])
    expect(await again.companions(Buffer.from(path))).toEqual([])
  })

  it('has no index where no file could be called so', async () => {
    const path = join(makeFolder(), 'n'.repeat(250))
    new DataFs(path).commit({ oid: 0, data: noise(50) })
    const own = new SafeSources(new NodeFiles(), [zodbAdapter()])
    const source = await own.open(Buffer.from(path), never)
    expect((await source?.status())?.size).toBe(statSync(path).size)
    expect(await own.companions(Buffer.from(path))).toEqual([])
    await own.close()
  })

  it('that took the place of another is told from one that grew', async () => {
    const { path, storage, sources } = place()
    storage.commit({ oid: 0, data: noise(50) })
    const own = sources()
    const source = await own.open(Buffer.from(path), never)
    const { inode = 0n, size = 0 } = source?.recorded ?? {}
    expect(source?.isNew?.({ inode, size: size - 10 })).toBe(false)
    expect(source?.isNew?.({ inode, size: size + 10 })).toBe(true)
    expect(source?.isNew?.({ inode: inode + 1n, size })).toBe(true)
    await own.close()
  })

  it('as ZODB 6.3 wrote it is kept whole, and the index is the same to the byte', async () => {
    const { path, kept } = place()
    writeFileSync(path, fixture('data-fs.txt'))
    const { storage, index } = await kept()
    expect(storage).toEqual(fixture('data-fs.txt'))
    expect(index).toEqual(fixture('data-fs-index.txt'))
    expect(openStorageOf(storage, index).transactions).toBe(5)
  })
})

const never = new AbortController().signal

function place() {
  const path = join(makeFolder(), 'Data.fs')
  const storage = new DataFs(path)
  const sources = () => new SafeSources(new NodeFiles(), [zodbAdapter()])
  const kept = async () => {
    const own = sources()
    const read = async (name: string) => {
      const source = await own.open(Buffer.from(name), never)
      const size = (await source?.status())?.size ?? 0
      return Buffer.from((await source?.read(0, size)) ?? [])
    }
    const both = { storage: await read(path), index: await read(`${path}.index`) }
    await own.close()
    return both
  }
  return { path, storage, kept, sources }
}

function openStorageOf(storage: Uint8Array, index: Uint8Array) {
  const path = join(makeFolder(), 'Data.fs')
  writeFileSync(path, storage)
  writeFileSync(`${path}.index`, index)
  return openStorage(path)
}

/** @returns the bytes behind a fixture's comment */
function fixture(name: string): Buffer {
  const text = readFileSync(new URL(`fixtures/${name}`, import.meta.url), 'utf8')
  return Buffer.from(text.slice(text.indexOf('\n\n')), 'base64')
}

let seed = 1
function noise(size: number): Uint8Array {
  return Uint8Array.from({ length: size }, () => (seed = (seed * 48_271) % 2_147_483_647) & 0xff)
}
