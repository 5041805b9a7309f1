import { describe, expect, it } from 'vitest'

import { toHex } from '../../protocol/bytes.ts'
import type { PackId } from '../../protocol/manifest.ts'
import { toBytes } from '../../sim/file-tree.ts'
import type { Picture } from '../../sim/oracle.ts'
import { openRepair } from '../../src/node/open-repair.ts'
import { VaultSession } from '../../src/node/vault-session.ts'
import { findLocal } from '../../src/repair/local-content.ts'
import { PackMaker } from '../../src/repair/pack-maker.ts'
import { pathToKey } from '../../src/source/path.ts'
import { backUp, diary, gc, hide, KIB, packsOf, sleepDays } from '../support/chores.ts'
import { clientPorts, HOME, noise, TestVault } from '../support/test-vault.ts'

const LEAF = 16 * KIB

/** Leaves that a range of bytes meets beyond its own length, at most; one more where it straddles two shares. */
const EDGES = 3 * LEAF

describe('a pack of files that are unchanged', () => {
  it('is made again without a byte from the grid', () =>
    tell(async (vault) => {
      letters(vault, 40)
      vault.write('photo', noise(3_000 * KIB, 7))
      vault.write('empty', '')
      await backUp(vault)
      const remade = await remakeAll(vault)
      expect(remade.length).toBeGreaterThan(0)
      for (const { fetched } of remade) expect(fetched).toBe(0)
    }))

  it('is made again from two small backups, and what they share', () =>
    tell(async (vault) => {
      letters(vault, 10)
      await backUp(vault)
      letters(vault, 10, 'more letters')
      vault.write('new', noise(9 * KIB, 1_000))
      await backUp(vault)
      for (const { fetched } of await remakeAll(vault)) expect(fetched).toBe(0)
    }))

  it('is made again where nobody has a share of it any more', () =>
    tell(async (vault) => {
      letters(vault, 12)
      await backUp(vault)
      const back = hide(vault, await packsOf(vault, 'data'))
      await vault.calm()
      const remade = await remakeAll(vault, { kind: 'data' })
      expect(remade.map(({ fetched }) => fetched)).toEqual([0])
      back()
    }))
})

describe('a pack of files of which some changed', () => {
  it('costs the ranges of what was edited, removed, renamed or grew', () =>
    tell(async (vault) => {
      letters(vault, 40, 'letters', 100 * KIB)
      await backUp(vault)
      vault.write('letters/7', noise(100 * KIB, 5_000))
      vault.remove('letters/11')
      vault.rename('letters/20', 'elsewhere')
      vault.write('letters/30', noise(50 * KIB, 30))
      await vault.calm()
      const lost = 4 * (100 * KIB + 54)
      const remade = await remakeAll(vault)
      const fetched = remade.reduce((sum, each) => sum + each.fetched, 0)
      expect(fetched).toBeGreaterThanOrEqual(lost)
      expect(fetched).toBeLessThanOrEqual(1.05 * lost + 4 * EDGES)
    }))

  it('costs no more where shares with its data are lost', () =>
    tell(async (vault) => {
      letters(vault, 40, 'letters', 100 * KIB)
      await backUp(vault)
      for (const name of [3, 7, 11, 15, 19, 23, 27, 31, 35, 39]) vault.remove(`letters/${name}`)
      await vault.calm()
      const lost = 10 * (100 * KIB + 54)
      for (const friend of await dataHolders(vault)) vault.friends.crash(friend, 'kill')
      await vault.calm()
      const remade = await remakeAll(vault)
      const fetched = remade.reduce((sum, each) => sum + each.fetched, 0)
      expect(fetched).toBeGreaterThanOrEqual(lost)
      expect(fetched).toBeLessThanOrEqual(1.05 * lost + 10 * EDGES)
      vault.startFriends()
    }))

  it('costs the chunks that changed of a large file, though its newest version is a delta', () =>
    tell(async (vault) => {
      const content = noise(6_000 * KIB, 9)
      vault.write('disk image', content)
      await backUp(vault)
      content.set(noise(2 * KIB, 77), 3_000 * KIB)
      vault.write('disk image', content)
      await backUp(vault)
      const remade = await remakeAll(vault, { kind: 'data' })
      const fetched = remade.reduce((sum, each) => sum + each.fetched, 0)
      expect(fetched).toBeGreaterThan(0)
      // One chunk, which is 4 MiB at most.
      expect(fetched).toBeLessThanOrEqual(4_096 * KIB + EDGES)
      // Deltas are not in any file.
      for (const { fetched: all, size } of await remakeAll(vault, { kind: 'delta' })) {
        expect(all).toBeGreaterThan(0)
        expect(all).toBeLessThanOrEqual(size + LEAF)
      }
    }))

  it('is right though a file lies about its time, once the backupdb knows no digest', () =>
    tell(async (vault) => {
      letters(vault, 30, 'letters', 20 * KIB)
      await backUp(vault)
      forgetDigests(vault)
      const { tree } = vault.laptop
      const node = tree.node(toBytes(`${HOME}/letters/12`))
      const { mtime } = node
      tree.write(node, 5 * KIB, noise(100, 99))
      node.mtime = mtime
      const remade = await remakeAll(vault)
      const fetched = remade.reduce((sum, each) => sum + each.fetched, 0)
      expect(fetched).toBeGreaterThan(0)
    }))

  it('is right though files change while they are read', () =>
    tell(async (vault) => {
      letters(vault, 20, 'letters', 20 * KIB)
      vault.write('film', noise(5_000 * KIB, 8))
      await backUp(vault)
      const { tree, filesTrouble } = vault.laptop
      let edits = 0
      filesTrouble.onStep = (_, path) => {
        if (!tree.has(path) || tree.node(path).kind !== 'file') return
        edits += 1
        const node = tree.node(path)
        tree.write(node, (edits * 7_919) % node.size, noise(1, edits))
      }
      const remade = await remakeAll(vault, { kind: 'data' })
      filesTrouble.onStep = undefined
      expect(edits).toBeGreaterThan(1)
      expect(remade.reduce((sum, { fetched }) => sum + fetched, 0)).toBeGreaterThan(0)
    }))

  it('takes a touched file for what it is', () =>
    tell(async (vault) => {
      letters(vault, 12)
      await backUp(vault)
      letters(vault, 12)
      await vault.calm()
      for (const { fetched } of await remakeAll(vault)) expect(fetched).toBe(0)
    }))
})

describe('packs that were merged', () => {
  it('are made again from the files and the cache, each number at its place', () =>
    tell(async (vault) => {
      for (let day = 0; day < 12; day += 1) {
        letters(vault, 3, `day ${day}`, 2 * KIB, day)
        await backUp(vault)
      }
      vault.remove('day 4/1')
      await backUp(vault)
      const { merged } = await gc(vault)
      expect(merged.packs).toBeGreaterThan(12)
      const remade = await remakeAll(vault)
      const fetched = remade.reduce((sum, each) => sum + each.fetched, 0)
      const size = remade.reduce((sum, each) => sum + each.size, 0)
      expect(size).toBeGreaterThan(36 * 2 * KIB)
      // What the letter that was removed took, and its neighbours in the same leaves.
      expect(fetched).toBeLessThanOrEqual(2 * KIB + EDGES)
    }))

  it('are made again on a recovered machine: from the grid what is not restored', () =>
    tell(async (vault) => {
      letters(vault, 20, 'letters', 30 * KIB)
      await diary(vault, 3)
      await vault.recoverElsewhere()
      for (const { fetched, size } of await remakeAll(vault)) {
        expect(fetched).toBeGreaterThan(0)
        expect(fetched).toBeLessThanOrEqual(size + LEAF)
      }
      await sleepDays(vault, 1)
    }))
})

describe('a walk over the tree', () => {
  it('notes so many objects at most: of the packs that are asked for first', () =>
    tell(async (vault) => {
      letters(vault, 10)
      await backUp(vault)
      letters(vault, 10, 'more', 3 * KIB, 1)
      await backUp(vault)
      const noted = async (notedMax: number) => {
        const found = await vault.laptop.run(async (ports, signal) => {
          const session = await VaultSession.open(clientPorts(ports), signal)
          try {
            const { tree, node, root } = await session.openTree(signal)
            const parts = { tree, node: node!, sequence: root!.sequence, log: ports.log }
            const rows = session.stores.packs.encodedFrom(0).filter(({ kind }) => kind === 'data')
            const wanted = new Map(rows.map((row) => [row.id!, [row]]))
            return await findLocal(parts, wanted, signal, notedMax)
          } finally {
            await session.close()
          }
        })
        return [...found.values()].map((objects) => objects.length)
      }
      expect(await noted(20)).toEqual([10, 10])
      expect(await noted(19)).toEqual([10])
      expect(await noted(10)).toEqual([10])
      expect(await noted(7)).toEqual([7])
    }))
})

describe('any story of a home', () => {
  it.each([1, 2, 3, 4])('gives packs that are right and costs what is lost, seed %i', (seed) =>
    tell(async (vault) => {
      const random = draws(seed)
      const names: string[] = []
      for (let day = 0; day < 5; day += 1) {
        for (let change = 0; change < 12; change += 1) step(vault, names, random)
        await backUp(vault)
        if (day === 3) await gc(vault)
      }
      const before = vault.picture()
      // Not backed up any more.
      for (let change = 0; change < 8; change += 1) step(vault, names, random)
      await vault.calm()
      const intact = intactKeys(before, vault.picture())
      for (const { fetched, lost, ranges } of await remakeAll(vault, { intact })) {
        expect(fetched).toBeLessThanOrEqual(1.05 * lost + ranges * EDGES)
      }
    }, seed),
  )
})

interface RemadePack {
  readonly id: PackId
  readonly size: number
  readonly fetched: number
  /** Bytes that nothing here gives again, and stretches that they lie in. */
  readonly lost: number
  readonly ranges: number
}

/** Make every pack again; what has its name is the pack. */
function remakeAll(
  vault: TestVault,
  {
    kind,
    intact = new Set(),
  }: {
    readonly kind?: string
    /** Keys of files that are as they were backed up. */
    readonly intact?: ReadonlySet<string>
  } = {},
): Promise<RemadePack[]> {
  return vault.laptop.run(async (ports, signal) => {
    const session = await VaultSession.open(clientPorts(ports), signal)
    try {
      const parts = await openRepair(session)
      const packs = parts.list
        .all()
        .filter((pack) => pack.kind !== 'ledger' && (kind === undefined || pack.kind === kind))
      parts.source?.expect?.(packs.map(({ id }) => id))
      const remade: RemadePack[] = []
      for (const facts of packs) {
        const { id, shape } = facts
        if (shape === undefined) throw new Error('the client knows how its packs are cut')
        const pack = { ...facts, shape }
        const estimate = await parts.source?.estimate(pack, signal)
        const maker = new PackMaker(parts)
        const location = (await parts.grid.have([id], signal)).get(id)
        const sourced = await maker.source(pack, location, signal)
        const made =
          sourced === undefined
            ? await maker.fromPeers(pack, location, signal)
            : await maker.finish(pack, sourced, location, signal)
        expect(made?.encoded.id).toBe(id)
        const { bytesRead: fetched } = maker
        expect(estimate ?? 0).toBeLessThanOrEqual(shape.size)
        const lost = await lostOf(session, id, shape.size, intact, signal)
        remade.push({ id, size: shape.size, fetched, ...lost })
      }
      return remade
    } finally {
      await session.close()
    }
  })
}

/** What of a pack neither files that are as they were nor the cache have, with its padding. */
async function lostOf(
  session: VaultSession,
  id: PackId,
  size: number,
  intact: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<{ lost: number; ranges: number }> {
  const rows = session.stores.packs.ofId(id)
  if (rows.some(({ kind }) => kind === 'metadata')) return { lost: 0, ranges: 0 }
  const { tree, node, root } = await session.openTree(signal)
  const parts = { tree, node: node!, sequence: root!.sequence, log: session.ports.log }
  const found = (await findLocal(parts, new Map([[id, rows]]), signal)).get(id) ?? []
  const kept = found.filter(({ parts: where }) =>
    where.some(({ file }) => file.isNewest && intact.has(toHex(file.key))),
  )
  const lost = size - kept.reduce((sum, { length }) => sum + length, 0)
  // What is not kept lies between what is, and at either end.
  const ends = [...kept.map(({ place }) => place), size]
  const starts = [0, ...kept.map(({ place, length }) => place + length)]
  const ranges = ends.filter((end, index) => end > (starts[index] ?? 0)).length
  return { lost, ranges }
}

/** Keys of files that are the same in both pictures. */
function intactKeys(before: Picture, after: Picture): Set<string> {
  const same = [...before].filter(([path, { content }]) => after.get(path)?.content === content)
  return new Set(same.map(([path]) => toHex(pathToKey(toBytes(HOME + path)))))
}

/** Friends that hold the first piece of a pack of content. */
async function dataHolders(vault: TestVault) {
  const [pack] = await packsOf(vault, 'data')
  const isFirst = ({ path }: { readonly path: string }) => path.includes(`${pack}-0.share`)
  const holders = vault.friends.all.filter(({ machine }) => machine.volume.save().some(isFirst))
  expect(holders.length).toBe(1)
  return holders
}

/** As after a recovery: of files that are one object the tree has no digest. */
function forgetDigests(vault: TestVault): void {
  const database = vault.laptop.databases.open('backupdb')
  database.exec('UPDATE entries SET content = NULL')
  database.close()
}

function letters(
  vault: TestVault,
  count: number,
  folder = 'letters',
  size = 3 * KIB,
  which = 0,
): void {
  for (let index = 0; index < count; index += 1) {
    vault.write(`${folder}/${index}`, noise(size, 100 * which + index + 1))
  }
}

/** One change: mostly small files, now and then a large one, an edit, a rename or a removal. */
function step(vault: TestVault, names: string[], random: () => number): void {
  const pick = () => Math.floor(random() * names.length)
  const what = random()
  if (names.length < 3 || what < 0.5) {
    const name = `folder ${Math.floor(random() * 4)}/file ${names.length} ${random()}`
    const size = Math.floor(random() ** 4 * 3_000 * KIB)
    vault.write(name, noise(size, Math.floor(random() * 1e6)))
    names.push(name)
  } else if (what < 0.7) {
    vault.write(names[pick()]!, noise(Math.floor(random() * 40 * KIB), Math.floor(random() * 1e6)))
  } else if (what < 0.85) {
    const index = pick()
    const folder = `folder ${Math.floor(random() * 4)}`
    const to = `${folder}/renamed ${random()}`
    vault.folder(folder)
    vault.rename(names[index]!, to)
    names[index] = to
  } else {
    const [name] = names.splice(pick(), 1)
    vault.remove(name!)
  }
}

function draws(seed: number): () => number {
  let state = seed * 0x9e3779b9
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}

function tell(story: (vault: TestVault) => Promise<void>, seed = 1): Promise<void> {
  return new TestVault({ peers: 6, seed }).tell(story)
}
