import type { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'
import { sha256 } from '../../protocol/hash.ts'
import { equal } from '../../protocol/bytes.ts'
import { versionId, type Version } from '../../protocol/tree.ts'
import { toBytes, toText, type FileTree } from '../../sim/file-tree.ts'
import type { Machine, MachineOptions } from '../../sim/machine.ts'
import { DeltaBuffer } from '../../src/backup/delta-buffer.ts'
import { FileReader, type ReadVersion } from '../../src/backup/file-reader.ts'
import { ObjectWriter } from '../../src/backup/object-writer.ts'
import { isSameTime } from '../../src/base/entry-status.ts'
import { FilesError } from '../../src/base/errors.ts'
import type { DatabaseCopies } from '../../src/ports/database-copies.ts'
import { codecs } from '../../src/codec/codecs.ts'
import { applyDelta } from '../../src/codec/rdiff.ts'
import { Contents } from '../../src/store/contents.ts'
import { sqliteAdapter } from '../../src/source/adapters/sqlite.ts'
import { SafeSources } from '../../src/source/safe-sources.ts'
import type { EntryRow } from '../../src/store/entries.ts'
import { Signatures } from '../../src/store/signatures.ts'
import { fileStatus, memoryDatabase } from '../support/memory-database.ts'
import { forever, onMachine } from '../support/on-machine.ts'
import { contentSecret, cutKey, startPacking } from '../support/packing.ts'
import { noise } from '../support/test-vault.ts'

const KIB = 1024
const PATH = '/file'

const COPIED_MAX = 20_000 * KIB

describe('a file', () => {
  it.each([0, 1, 256 * KIB, 256 * KIB + 1, 1024 * KIB, 2_500 * KIB])(
    'of %i bytes becomes an original that reads back',
    async (size) => {
      await reading(noise(size), async ({ read, content }) => {
        const version = await read()
        expect(version).toMatchObject({ label: 'stable', size, content: { type: 'original' } })
        expect(version.digest).toEqual(sha256(noise(size)))
        expect(equal(await content(version), noise(size))).toBe(true)
      })
    },
  )

  it('that changes while it is read is read again', async () => {
    await reading(noise(300 * KIB), async ({ read, content, machine, tree, reader }) => {
      changeOnce(machine, () => tree.write(tree.node(toBytes(PATH)), 5, toBytes('changed')))
      const version = await read()
      expect(version.label).toBe('retried')
      const now = tree.node(toBytes(PATH)).read(0, 1e9)
      expect(equal(await content(version), now)).toBe(true)
      expect(reader.bytesRead).toBe(600 * KIB)
    })
  })

  it('that changes twice is copied, and the copy is what it was at one moment', async () => {
    await reading(noise(300 * KIB), async ({ read, content, machine, tree }) => {
      const states: Uint8Array[] = []
      changeAtReads(machine, [1, 2], (count) => {
        tree.write(tree.node(toBytes(PATH)), 7, noise(100, count))
        states.push(tree.node(toBytes(PATH)).read(0, 1e9))
      })
      const version = await read()
      expect(version).toMatchObject({ label: 'copied', isCalm: true })
      expect(equal(await content(version), states.at(-1)!)).toBe(true)
    })
  })

  it.each([100 * KIB, 9_000 * KIB])(
    'of %i bytes that never holds still is what was read, with that digest',
    async (size) => {
      await reading(noise(size), async ({ read, content, machine, tree }) => {
        growAtEachRead(machine, tree)
        const version = await read()
        expect(version).toMatchObject({ label: 'fuzzy', isCalm: false })
        const bytes = await content(version)
        expect([bytes.length, sha256(bytes)]).toEqual([version.size, version.digest])
        expect(machine.filesTrouble.free).toBe(Number.MAX_SAFE_INTEGER)
      })
    },
  )

  it('that never holds still is a copy of one moment where the file system makes reflinks', async () => {
    await reading(noise(300 * KIB), async ({ read, content, machine, tree }) => {
      growAtEachRead(machine, tree)
      machine.filesTrouble.hasClones = true
      const version = await read()
      expect(version.label).toBe('copied')
      const bytes = await content(version)
      // What was there before the copy, and nothing of what came while it was read.
      expect(bytes.length).toBe(version.size)
      expect(equal(bytes, tree.node(toBytes(PATH)).read(0, bytes.length))).toBe(true)
    })
  })

  it('that is hot is copied at once, and says whether it held still', async () => {
    await reading(noise(300 * KIB), async ({ read, machine, tree, reader }) => {
      expect(await read(undefined, forever, true)).toMatchObject({ label: 'copied', isCalm: true })
      expect(reader.bytesRead).toBe(300 * KIB)
      machine.filesTrouble.onStep = (operation) => {
        if (operation === 'clone') tree.write(tree.node(toBytes(PATH)), 0, noise(10, 3))
      }
      machine.filesTrouble.hasClones = true
      expect(await read(undefined, forever, true)).toMatchObject({ label: 'copied', isCalm: false })
    })
  })

  it('is not copied where it is too large, or there is no room', async () => {
    await reading(noise(COPIED_MAX + 1), async ({ read, machine, tree }) => {
      growAtEachRead(machine, tree)
      const reads = countSteps(machine, 'scratch')
      expect(await read()).toMatchObject({ label: 'fuzzy' })
      expect(reads()).toBe(0)
      expect(await read(undefined, forever, true)).toMatchObject({ label: 'fuzzy' })
    })
    await reading(noise(9_000 * KIB), async ({ read, machine, tree }) => {
      growAtEachRead(machine, tree)
      machine.filesTrouble.free = 8_000 * KIB
      expect(await read()).toMatchObject({ label: 'fuzzy' })
      expect(machine.filesTrouble.free).toBe(8_000 * KIB)
    })
  })

  it('that changed within this tick of its clock is read after it', async () => {
    await reading(noise(100 * KIB), async ({ read, machine, change, content, tree }) => {
      change(0, toBytes('just now'))
      const seen = tree.node(toBytes(PATH)).status().ctime
      // Another change in the same tick leaves the same times, and comes before the reading.
      machine.filesTrouble.onStep = (operation) => {
        if (operation !== 'fstat') return
        machine.filesTrouble.onStep = undefined
        change(0, toBytes('again at'))
        tree.node(toBytes(PATH)).ctime = seen
      }
      const version = await read()
      expect(version.label).toBe('stable')
      expect(toText((await content(version)).slice(0, 8))).toBe('again at')
    })
  })

  it.each([-3_600_000, 0, 3_600_000])(
    'of a file system %i ms ahead of ours is read where each later change shows',
    async (fileTimeAheadMs) => {
      const tell = async ({ read, change, tree }: Reading): Promise<void> => {
        change(0, toBytes('just now'))
        const { status, isSettled } = await read()
        expect(isSettled).toBe(true)
        change(0, toBytes('and then'))
        expect(tree.node(toBytes(PATH)).status().ctime).not.toEqual(status.ctime)
      }
      const clock = { fileTimeAheadMs, fileTimeStep: 10_000_000 }
      await reading(noise(100 * KIB), tell, clock)
      await reading(noise(100 * KIB), tell, { ...clock, fileTimeStep: 2e9 })
    },
  )

  it('that is a database is opened a tick after its last change was seen, or is doubted', async () => {
    const database = noise(4 * KIB)
    database.set(toBytes('SQLite format 3\0'))
    // Written with a log, and there is none: nobody has it open.
    database[18] = 2
    const options = { fileTimeAheadMs: -3_600_000, fileTimeStep: 10_000_000, hasAdapter: true }
    const isSettled = async (isChanged: boolean): Promise<boolean> => {
      let found = false
      await reading(
        database,
        async ({ read, change, machine, tree }) => {
          change(200, toBytes('just now'))
          machine.filesTrouble.onStep = (_, path) => {
            if (!isChanged || toText(path) !== `${PATH}-wal`) return
            machine.filesTrouble.onStep = undefined
            change(200, toBytes('as it was opened'))
          }
          const version = await read()
          expect(version.label).toBe('app-consistent')
          change(200, toBytes('and then'))
          const isSame = isSameTime(tree.node(toBytes(PATH)).status().ctime, version.status.ctime)
          found = version.isSettled
          expect(found && isSame).toBe(false)
        },
        options,
      )
      return found
    }
    expect(await isSettled(false)).toBe(true)
    expect(await isSettled(true)).toBe(false)
  })

  it('whose mode alone changes while it is read is read again, for its times say no more', async () => {
    await reading(noise(100), async ({ read, machine, tree }) => {
      changeOnce(machine, () => tree.setAttributes(tree.node(toBytes(PATH)), { mode: 0o600 }))
      expect(await read()).toMatchObject({ label: 'retried', status: { mode: 0o600 } })
    })
  })

  it('becomes a delta of its former version where that is smaller', async () => {
    const before = noise(900 * KIB)
    await reading(before, async ({ read, know, content, change }) => {
      const known = know(await read())
      change(400 * KIB, noise(300, 2))
      const version = await read(known)
      expect(version).toMatchObject({ label: 'stable', content: { type: 'delta' } })
      const after = before.slice()
      after.set(noise(300, 2), 400 * KIB)
      expect(version.digest).toEqual(sha256(after))
      const delta = await content(version)
      expect(delta.length).toBeLessThan(10 * KIB)
      expect(equal(await patched(before, delta), after)).toBe(true)
    })
  })

  it('becomes an original once its delta is not worth it, and no delta is left behind', async () => {
    await reading(noise(9_000 * KIB), async ({ read, know, change, machine }) => {
      const known = know(await read())
      change(0, noise(8_900 * KIB, 2))
      expect((await read(known)).content.type).toBe('original')
      expect(machine.volume.files().filter(({ path }) => path.includes('delta'))).toEqual([])
    })
  })

  it('becomes an original where its chain is long, or costs too much to fetch', async () => {
    await reading(noise(100 * KIB), async ({ read, know, change }) => {
      const known = know(await read())
      change(0, toBytes('x'))
      expect((await read({ ...known, chainLength: 128 })).content.type).toBe('original')
      expect((await read({ ...known, chainSize: 300 * KIB })).content.type).toBe('original')
      expect((await read({ ...known, chainLength: 127 })).content.type).toBe('delta')
    })
  })

  it.each([2 * KIB, 100 * KIB, 2_000 * KIB])(
    'of %i bytes that was only touched is unchanged',
    async (size) => {
      await reading(noise(size), async ({ read, know }) => {
        const known = know(await read())
        expect((await read(known)).content.type).toBe('unchanged')
      })
    },
  )

  it('is a copy of another path that is stored as a chain', async () => {
    await reading(noise(50 * KIB), async ({ read, chains }) => {
      const { digest } = await read()
      const of = { ...row, size: 50 * KIB, content: chains.contentId(digest), chainLength: 1 }
      chains.of = of
      const copy = await read()
      expect(copy.content).toEqual({ type: 'copy', of, chain })
      // What the next delta is made from.
      expect(copy.signature).toBeDefined()
      chains.chain = undefined
      expect((await read()).content.type).toBe('original')
    })
  })

  it('is read whole again when another of its size turns out to be another', async () => {
    await reading(noise(50 * KIB), async ({ read, chains }) => {
      chains.of = { ...row, size: 50 * KIB, content: Uint8Array.of(1), chainLength: 1 }
      expect((await read()).content.type).toBe('original')
    })
  })

  it('that grew is read at its end, and trusted, where that is enough', async () => {
    await reading(noise(2_000 * KIB), async ({ quick, append, read, know, content, reader }) => {
      const first = know(await read())
      append(100 * KIB)
      const before = reader.bytesRead
      const version = await quick(first)
      expect(version).toMatchObject({ label: 'stable', isQuick: true, content: { type: 'delta' } })
      expect(reader.bytesRead - before).toBe(1124 * KIB)
      const after = new Uint8Array(Buffer.concat([noise(2_000 * KIB), noise(100 * KIB, 9)]))
      expect(version.digest).toEqual(sha256(after))
      expect(equal(await patched(noise(2_000 * KIB), await content(version)), after)).toBe(true)
    })
  })

  it('that grew and grows on once is read at its end again', async () => {
    await reading(noise(2_000 * KIB), async ({ quick, append, read, know, machine }) => {
      const first = know(await read())
      append(100 * KIB)
      changeOnce(machine, () => append(KIB))
      const version = await quick(first)
      expect(version).toMatchObject({ label: 'retried', isQuick: true, size: 2_101 * KIB })
    })
  })

  it.each([false, true])(
    'that grew and never holds still is kept as its end was read, and not copied; hot: %s',
    async (isHot) => {
      await reading(noise(2_000 * KIB), async (parts) => {
        const { quick, append, read, know, content, machine, tree } = parts
        const first = know(await read())
        append(100 * KIB)
        growAtEachRead(machine, tree)
        const copies = countSteps(machine, 'scratch')
        const version = await quick(first, isHot)
        expect(version).toMatchObject({ label: 'fuzzy', isCalm: false, isQuick: true })
        expect(copies()).toBe(0)
        const bytes = await patched(noise(2_000 * KIB), await content(version))
        expect([bytes.length, sha256(bytes)]).toEqual([version.size, version.digest])
        expect(equal(bytes, tree.node(toBytes(PATH)).read(0, bytes.length))).toBe(true)
      })
    },
  )

  it('that is cut while its end is read is read wholly', async () => {
    await reading(noise(2_000 * KIB), async ({ quick, append, read, know, machine, tree }) => {
      const first = know(await read())
      append(100 * KIB)
      changeOnce(machine, () => tree.truncate(tree.node(toBytes(PATH)), 1_500 * KIB))
      const version = await quick(first)
      expect(version).toMatchObject({ size: 1_500 * KIB, isQuick: false })
    })
  })

  it('that grew is read wholly where its chain is long, or what is known of it is damaged', async () => {
    await reading(noise(2_000 * KIB), async ({ quick, append, read, know, database }) => {
      const first = know(await read())
      append(100 * KIB)
      expect((await quick({ ...first, chainLength: 127 })).isQuick).toBe(true)
      const long = await quick({ ...first, chainLength: 128 })
      expect([long.isQuick, long.content.type]).toEqual([false, 'original'])
      expect((await quick({ ...first, inode: first.inode + 1n })).isQuick).toBe(false)
      expect((await quick({ ...first, content: new Uint8Array(16) })).isQuick).toBe(false)
      const tail = "CAST(substr(tail, 1, 40) || x'00' || substr(tail, 42) AS BLOB)"
      database.exec(`UPDATE signatures SET tail = ${tail}`)
      expect((await quick(first)).isQuick).toBe(false)
    })
  })

  it('that is a folder or a link by now, or gone, is an error of that file', async () => {
    await reading(noise(10), async ({ read, tree }) => {
      tree.remove(toBytes(PATH))
      await expect(read()).rejects.toMatchObject({ code: 'ENOENT' })
      tree.make(toBytes(PATH), 'symlink', 0o777)
      await expect(read()).rejects.toMatchObject({ code: 'ELOOP' })
      tree.remove(toBytes(PATH))
      tree.make(toBytes(PATH), 'fifo', 0o600)
      await expect(read()).rejects.toMatchObject({ code: 'EINVAL' })
    })
  })

  it('stops being read when it is told to', async () => {
    await reading(noise(5_000 * KIB), async ({ read, machine }) => {
      const controller = new AbortController()
      changeOnce(machine, () => controller.abort(new Error('enough')))
      await expect(read(undefined, controller.signal)).rejects.toThrow('enough')
    })
  })
})

const row: EntryRow = {
  ...fileStatus(),
  key: toBytes('other'),
  content: undefined,
  version: versionId(1, 0),
  chainLength: 0,
  chainSize: 10,
}
const chain: readonly Version[] = []

interface Reading {
  readonly machine: Machine
  readonly database: DatabaseSync
  readonly tree: FileTree
  readonly reader: FileReader
  /** What the backupdb says of chains elsewhere. */
  readonly chains: {
    of: EntryRow | undefined
    chain: readonly Version[] | undefined
    readonly contentId: (digest: Uint8Array) => Uint8Array
  }
  readonly read: (known?: EntryRow, signal?: AbortSignal, isHot?: boolean) => Promise<ReadVersion>
  /** The version is published: its signature is kept. @returns its entry */
  readonly know: (version: ReadVersion) => EntryRow
  /** The objects of an original or a delta, one behind the other. */
  readonly content: (version: ReadVersion) => Promise<Uint8Array>
  readonly change: (offset: number, bytes: Uint8Array) => void
  readonly append: (size: number) => void
  /** As `read`, of the end where that is enough. */
  readonly quick: (known: EntryRow, isHot?: boolean) => Promise<ReadVersion>
}

interface ReadingOptions extends Pick<MachineOptions, 'fileTimeStep' | 'fileTimeAheadMs'> {
  /** SQLite databases are read by their adapter. */
  readonly hasAdapter?: boolean
}

/** Nothing here has SQLite make a copy. */
const copies: DatabaseCopies = {
  copy: () => Promise.reject(new FilesError('EIO', 'not copied here')),
  isSettled: () => Promise.resolve(true),
  close: () => Promise.resolve(),
}

async function reading(
  bytes: Uint8Array,
  story: (reading: Reading) => Promise<void>,
  { hasAdapter = false, ...fileTimes }: ReadingOptions = {},
): Promise<void> {
  await onMachine(async ({ files, disk, clock, compute }, machine) => {
    const { tree } = machine
    tree.write(tree.make(toBytes(PATH), 'file', 0o644), 0, bytes)
    await clock.sleep(60_000)
    const packing = await startPacking(disk)
    const { packer } = packing
    const database = memoryDatabase()
    const contents = new Contents(database, new Uint8Array(32))
    const signatures = new Signatures(database, new Uint8Array(32))
    const writer = new ObjectWriter(
      { packer, find: () => undefined, onSealed: () => undefined },
      contentSecret,
    )
    const chains: Reading['chains'] = {
      of: undefined,
      chain,
      contentId: (digest) => contents.id(digest),
    }
    const reader = new FileReader(
      {
        clock,
        copySizeMax: COPIED_MAX,
        files,
        ...(hasAdapter
          ? { sources: new SafeSources(files, [sqliteAdapter({ clock, copies })]) }
          : {}),
        compute: compute(codecs),
        writer,
        signatures,
        deltaBuffer: new DeltaBuffer(disk),
        onRead: () => undefined,
        contentId: chains.contentId,
        hasChainedOfSize: (size) => chains.of?.size === size,
        findContent: (content) =>
          chains.of?.content !== undefined && equal(chains.of.content, content)
            ? chains.of
            : undefined,
        chainOf: async () => chains.chain,
      },
      { cutKey, contentSecret },
    )
    await story({
      machine,
      database,
      tree,
      reader,
      chains,
      read: (known, signal = forever, isHot = false) =>
        reader.read(toBytes(PATH), { known, isHot }, signal),
      know: ({ digest, size, signature, tail, status: { inode, mtime } }) => {
        const content = contents.id(digest)
        if (signature !== undefined) signatures.put(content, signature, tail)
        return { ...row, key: toBytes('file'), size, inode, mtime, content, chainSize: size }
      },
      content: async ({ content }) => {
        if (!('slots' in content)) throw new Error(`a version of type ${content.type}`)
        await writer.endRun()
        await packer.flush()
        const parts: Uint8Array[] = []
        for (const { reference } of content.slots) {
          if (reference !== undefined) parts.push((await packing.read(reference)).body)
        }
        return new Uint8Array(Buffer.concat(parts))
      },
      change: (offset, changed) => tree.write(tree.node(toBytes(PATH)), offset, changed),
      append: (size) => {
        const node = tree.node(toBytes(PATH))
        tree.write(node, node.size, noise(size, 9))
      },
      quick: (known, isHot = false) =>
        reader.read(toBytes(PATH), { known, isHot, isQuick: true }, forever),
    })
  }, fileTimes)
}

function growAtEachRead(machine: Machine, tree: FileTree): void {
  let count = 0
  machine.filesTrouble.onStep = (operation) => {
    if (operation !== 'read') return
    const node = tree.node(toBytes(PATH))
    tree.write(node, node.size, noise(1_000, ++count))
  }
}

/** Change something during those reads of the file, the first being 1. */
function changeAtReads(machine: Machine, at: number[], change: (count: number) => void): void {
  let count = 0
  machine.filesTrouble.onStep = (operation, path) => {
    if (operation !== 'read' || toText(path) !== PATH) return
    count += 1
    if (at.includes(count)) change(count)
  }
}

function countSteps(machine: Machine, wanted: string): () => number {
  const { onStep } = machine.filesTrouble
  let count = 0
  machine.filesTrouble.onStep = (operation, path) => {
    if (operation === wanted) count += 1
    onStep?.(operation, path)
  }
  return () => count
}

/** Change something during the first read of the file. */
function changeOnce(machine: Machine, change: () => void): void {
  let isDone = false
  machine.filesTrouble.onStep = (operation, path) => {
    if (isDone || operation !== 'read' || toText(path) !== PATH) return
    isDone = true
    change()
  }
}

async function patched(before: Uint8Array, delta: Uint8Array): Promise<Uint8Array> {
  const base = {
    size: before.length,
    read: async (offset: number, length: number) => before.slice(offset, offset + length),
  }
  async function* whole() {
    yield delta
  }
  const parts: Uint8Array[] = []
  for await (const part of applyDelta(base, whole(), { sizeMax: 1e9 })) parts.push(part)
  return new Uint8Array(Buffer.concat(parts))
}
