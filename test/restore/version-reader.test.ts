import { describe, expect, it } from 'vitest'
import { sha256 } from '../../protocol/hash.ts'
import type { Reference } from '../../protocol/reference.ts'
import { versionId, type Attributes, type Version } from '../../protocol/tree.ts'
import { toBytes, toText } from '../../sim/file-tree.ts'
import { codecs } from '../../src/codec/codecs.ts'
import { makeDelta, makeSignature, parseSignature } from '../../src/codec/rdiff.ts'
import { makeParts } from '../../src/history/parts.ts'
import { TreeReader } from '../../src/history/tree-reader.ts'
import { Target } from '../../src/restore/target.ts'
import { VersionReader } from '../../src/restore/version-reader.ts'
import { MemoryObjects } from '../support/memory-objects.ts'
import { forever, onMachine } from '../support/on-machine.ts'
import { noise } from '../support/test-vault.ts'

const KIB = 1024
const MIB = 1024 * KIB

describe('a version', () => {
  it('of one object, of many, and of none comes back', async () => {
    await restoring(async ({ original, restore }) => {
      for (const [size, chunk] of [
        [0, 1],
        [500, 500],
        [300 * KIB, 2 * KIB],
      ] as const) {
        const bytes = noise(size)
        expect(await restore([await original(bytes, chunk)])).toBe(digest(bytes))
      }
    })
  })

  it('at the end of a chain comes back, and its way there is gone', async () => {
    await restoring(async ({ original, delta, restore, paths, most }) => {
      const states = [noise(100 * KIB)]
      const chain = [await original(noise(100 * KIB), 8 * KIB)]
      for (let step = 1; step <= 5; step += 1) {
        const before = states.at(-1) ?? new Uint8Array(0)
        const after = before.slice(0, before.length - step * 1_000)
        after.set(noise(50, step), step * 7_000)
        states.push(after)
        chain.push(await delta(before, after, versionId(step, 0)))
      }
      expect(await restore(chain)).toBe(digest(states.at(-1) ?? new Uint8Array(0)))
      expect(paths()).toEqual(['/target', '/target/file'])
      expect(most()).toBeLessThanOrEqual(2)
    })
  })

  it('at the end of a long chain of large deltas is made in few steps, not in one for each', async () => {
    await restoring(async ({ original, delta, restore, paths, most, made }) => {
      const size = 3 * MIB
      let state = noise(size)
      const chain = [await original(state, MIB)]
      for (let step = 1; step <= 6; step += 1) {
        const after = state.slice()
        after.set(noise(2 * MIB, step), step * 100_000)
        chain.push(await delta(state, after, versionId(step, 0), MIB))
        state = after
      }
      expect(await restore(chain)).toBe(digest(state))
      expect(paths()).toEqual(['/target', '/target/file'])
      expect(most()).toBeLessThanOrEqual(2)
      // Twelve MiB of deltas: two steps, of which each may need a file more.
      expect(made()).toBeLessThanOrEqual(4)
    })
  }, 60_000)

  it('whose bytes are not those backed up gets no name', async () => {
    await restoring(async ({ original, restore, paths }) => {
      const good = await original(noise(9_000), 1_000)
      const { content } = good
      const swapped = { ...content.parts, references: content.parts.references.toReversed() }
      const wrong: Record<string, Version> = {
        digest: { ...good, digest: sha256(toBytes('else')) },
        order: { ...good, content: { type: 'original', parts: swapped } },
        longer: { ...good, size: good.size + 1 },
        shorter: { ...good, size: good.size - 1 },
      }
      for (const version of Object.values(wrong)) {
        await expect(restore([version])).rejects.toMatchObject({ name: 'DigestMismatchError' })
      }
      expect(paths()).toEqual(['/target'])
    })
  })

  it('in whose chain any step is wrong gets no name', async () => {
    await restoring(async ({ original, delta, restore, paths }) => {
      const [a, b, c] = [noise(50 * KIB), noise(50 * KIB), noise(50 * KIB)]
      b.set(toBytes('b'), 9_000)
      c.set(toBytes('b'), 9_000)
      c.set(toBytes('c'), 30_000)
      const first = await original(a, 50 * KIB)
      const last = await delta(b, c, versionId(2, 0))
      // It copies from what it believes to be there.
      await expect(restore([first, last])).rejects.toMatchObject({ name: 'DigestMismatchError' })
      await expect(restore([last])).rejects.toMatchObject({ name: 'RecoveryError' })
      await expect(restore([])).rejects.toMatchObject({ name: 'RecoveryError' })
      const isOther = { ...last, content: { ...last.content, type: 'original' as const } }
      await expect(restore([isOther])).rejects.toMatchObject({ name: 'FormatError' })
      expect(paths()).toEqual(['/target'])
    })
  })

  it('leaves nothing when the disk is full on the way', async () => {
    await restoring(async ({ original, restore, paths, machine }) => {
      const version = await original(noise(100 * KIB), 10 * KIB)
      machine.filesTrouble.free = 60 * KIB
      await expect(restore([version])).rejects.toMatchObject({ code: 'ENOSPC' })
      expect(paths()).toEqual(['/target'])
    })
  })

  it('stops when it is told to, and leaves nothing', async () => {
    await restoring(async ({ original, restore, paths, machine }) => {
      const version = await original(noise(100 * KIB), 10 * KIB)
      const controller = new AbortController()
      machine.filesTrouble.onStep = (operation) => {
        if (operation === 'write') controller.abort(new Error('enough'))
      }
      await expect(restore([version], controller.signal)).rejects.toThrow('enough')
      expect(paths()).toEqual(['/target'])
    })
  })
})

const attributes: Attributes = {
  mode: 0o644,
  uid: 1000,
  gid: 1000,
  mtime: { seconds: 1_700_000_000, nanoseconds: 1 },
  ctime: { seconds: 1_700_000_000, nanoseconds: 2 },
  inode: 9n,
  size: 0,
  extra: [],
}

async function restoring(
  story: (parts: {
    machine: Parameters<Parameters<typeof onMachine>[0]>[1]
    readonly original: (bytes: Uint8Array, chunkSize: number) => Promise<Version>
    readonly delta: (
      before: Uint8Array,
      after: Uint8Array,
      id: number,
      pieceSize?: number,
    ) => Promise<Version>
    /** @returns digest of the file that came back */
    readonly restore: (chain: readonly Version[], signal?: AbortSignal) => Promise<string>
    readonly paths: () => string[]
    /** Most files that were there at once below the target. */
    readonly most: () => number
    /** Files that were made below the target. */
    readonly made: () => number
  }) => Promise<void>,
): Promise<void> {
  await onMachine(async ({ files, random, compute }, machine) => {
    const objects = new MemoryObjects()
    const { tree } = machine
    const path = toBytes('/target')
    const target = await Target.open({ files, random }, path, [toBytes('target')])
    const paths = () => [...tree.walk()].slice(1).map((found) => toText(found.path))
    const reader = new VersionReader({
      source: objects,
      tree: new TreeReader({ source: objects }),
      compute: compute(codecs),
    })
    let [most, made, told] = [0, 0, 0]

    const put = async (kind: 'content' | 'delta', bytes: Uint8Array, size: number) => {
      const references: Reference[] = []
      for (let offset = 0; offset < bytes.length; offset += size) {
        references.push(await objects.put(kind, bytes.slice(offset, offset + size)))
      }
      return makeParts(references, objects)
    }
    const about = (bytes: Uint8Array) => ({
      size: bytes.length,
      digest: sha256(bytes),
      label: 'stable' as const,
      extra: [],
    })
    await story({
      machine,
      paths,
      most: () => most,
      made: () => made,
      original: async (bytes, chunkSize) => ({
        ...about(bytes),
        id: versionId(0, 0),
        content: { type: 'original', parts: await put('content', bytes, chunkSize) },
      }),
      delta: async (before, after, id, pieceSize = 1_000) => {
        const bytes = makeDelta(parseSignature(makeSignature(before, { blockSize: 512 })), after)
        const parts = await put('delta', bytes, pieceSize)
        return { ...about(after), id, content: { type: 'delta', base: versionId(0, 0), parts } }
      },
      restore: async (chain, signal = forever) => {
        await target.file([toBytes('file')], attributes, (temporary) =>
          reader.write(
            chain,
            async () => {
              const one = await temporary()
              made += 1
              most = Math.max(most, paths().length - 1)
              return one
            },
            (size) => (told += size),
            signal,
          ),
        )
        const node = tree.node(toBytes('/target/file'))
        expect(told).toBe(node.size)
        told = 0
        const restored = digest(node.read(0, node.size))
        if (chain.length < 2) tree.remove(toBytes('/target/file'))
        return restored
      },
    })
  })
}

function digest(bytes: Uint8Array): string {
  return Buffer.from(sha256(bytes)).toString('hex')
}
