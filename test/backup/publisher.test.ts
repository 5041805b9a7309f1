import { describe, expect, it } from 'vitest'
import { VolumeFile } from '../../sim/volume.ts'
import { Packs } from '../../src/store/packs.ts'
import { Signatures } from '../../src/store/signatures.ts'
import { TestVault, noise } from '../support/test-vault.ts'

const KIB = 1024

describe('a head', () => {
  it('is written when all packs are safe, and sent when it is durable here', async () => {
    const vault = new TestVault()
    await vault.tell(async () => {
      vault.write('file', noise(500 * KIB))
      const events: string[] = []
      vault.world.trace.listen(({ node, event, fields }) => {
        const path = String(fields['path'] ?? '')
        if (event === 'log.info pack placed') events.push('placed')
        if (node === 'laptop' && path === 'heads/pending.new heads/pending') events.push('named')
        if (node === 'laptop' && path === 'heads' && event === 'disk.syncFolder')
          events.push('kept')
        if (node.startsWith('friend') && path.startsWith('heads/')) events.push('sent')
        if (path === 'heads/pending heads/current') events.push('settled')
      })
      await vault.backUp()
      const order = events.filter((event, index) => event !== events[index - 1])
      expect(order.slice(0, 4)).toEqual(['placed', 'named', 'kept', 'sent'])
      expect(order.indexOf('settled')).toBeGreaterThan(order.indexOf('sent'))
      expect(events.filter((event) => event === 'placed')).toHaveLength(3) // data, tree, ledger
    })
  })

  it('leads to a ledger that names every pack it rests on, as they are', async () => {
    const vault = new TestVault()
    await vault.tell(async () => {
      for (let day = 1; day <= 9; day += 1) {
        vault.write(`day ${day}`, noise(20 * KIB, day))
        await vault.backUp()
      }
      const before = packsOf(vault)
      vault.laptop.databases.setAside('backupdb')
      await vault.withClient((client, signal) => client.snapshots(signal))
      expect(packsOf(vault)).toEqual(before)
    })
  })

  it('has every share adopted in the end: those placed later, and those of peers that were away', async () => {
    const vault = new TestVault()
    await vault.tell(async () => {
      vault.write('file', noise(100 * KIB))
      const [a, b, c] = vault.friends.all
      for (const friend of [a, b]) if (friend !== undefined) vault.friends.crash(friend)
      expect((await vault.backUp()).settling).toBeGreaterThan(0)
      vault.startFriends()
      let isOver = false
      // This one takes its shares, and is gone before it hears of the head.
      vault.world.trace.listen(({ node, event, fields }) => {
        const isSettling = node === 'laptop' && fields['path'] === 'heads/pending heads/current'
        if (!isOver && isSettling && event === 'disk.rename' && c !== undefined)
          vault.friends.crash(c)
      })
      vault.write('file', noise(100 * KIB, 2))
      await vault.backUp()
      expect(unadopted(vault)).toBeGreaterThan(0)
      isOver = true
      vault.startFriends()
      await vault.backUp()
      expect(unadopted(vault)).toBe(0)
    })
  })
})

describe('a head that waits, and whose file is damaged while the next run begins', () => {
  for (const [name, isSent] of [
    ['sent, comes back from those who have it', true],
    ['not sent, is made again', false],
  ] as const) {
    it(`was ${name}`, async () => {
      const vault = new TestVault()
      await vault.tell(async () => {
        vault.write('file', noise(100 * KIB))
        let isOver = false
        vault.world.trace.listen(({ node, event, fields }) => {
          const path = String(fields['path'] ?? '')
          if (isOver || event !== 'disk.syncFolder' || !path.startsWith('heads')) return
          // The friends have it and the laptop has not heard so, or none of them is there.
          isOver = isSent ? node.startsWith('friend') : node === 'laptop'
          if (isOver && isSent) vault.laptop.crash('kill')
          else if (isOver) crashAll(vault)
        })
        if (isSent) await expect(vault.backUp()).rejects.toThrow('laptop crashed')
        else expect(await vault.backUp()).toMatchObject({ published: false })
        if (isSent) vault.laptop.boot()
        vault.startFriends()

        let reads = 0
        vault.laptop.diskTrouble.onStep = ({ operation, path }) => {
          // The refresh has seen that a head waits.
          if (operation === 'open' && path === 'heads/pending' && ++reads === 2) rotPending(vault)
          return 'pass'
        }
        vault.write('other', noise(10 * KIB, 2))
        expect(await vault.backUp()).toMatchObject({ published: true, sequence: isSent ? 2 : 1 })
        expect(reads).toBeGreaterThanOrEqual(2)
        vault.laptop.diskTrouble.onStep = undefined
        expect(await vault.backUp()).toMatchObject({ published: true, sequence: isSent ? 3 : 2 })
        expect((await vault.restore()).picture).toEqual(vault.picture())
        const rows = await vault.withClient((client, signal) => client.snapshots(signal))
        expect(rows.map(({ sequence }) => sequence)).toEqual(isSent ? [3, 2, 1] : [2, 1])
      })
    })
  }
})

describe('local state', () => {
  it('follows a published head: what was the newest version has no signature any more', async () => {
    const vault = new TestVault({ peers: 3 })
    await vault.tell(async () => {
      const content = noise(200 * KIB)
      for (let day = 0; day < 4; day += 1) {
        content.set(noise(100, day + 50), day * 1_000)
        vault.write('diary', content)
        await vault.backUp()
      }
      const database = vault.laptop.databases.open('backupdb')
      const row = database.prepare('SELECT count(*) AS count FROM signatures').get()
      const entry = database.prepare('SELECT content FROM entries WHERE chain_length > 0').get()
      const newest = new Signatures(database, new Uint8Array(32)).get(
        entry?.['content'] as Uint8Array,
      )
      database.close()
      expect([row, newest === undefined]).toEqual([{ count: 1 }, false])
    })
  })
})

/** What the backupdb knows of the packs that references may name. */
function packsOf(vault: TestVault): unknown[] {
  const database = vault.laptop.databases.open('backupdb')
  const packs = new Packs(database)
  const rows = packs.from(0, 1_000).filter(({ kind, size }) => kind !== 'ledger' && size > 0)
  const known = rows.map(({ number, id, base, size, needed, total }) => {
    return { number, id, base, size, needed, total, holders: [...packs.holders(number)] }
  })
  database.close()
  return known
}

/** Shares whose holders do not know that a head needs them. */
function unadopted(vault: TestVault): number {
  const database = vault.laptop.databases.open('backupdb')
  const row = database.prepare('SELECT count(*) AS count FROM placed WHERE is_adopted = 0').get()
  database.close()
  return Number(row?.['count'])
}

function crashAll({ friends }: TestVault): void {
  for (const friend of friends.all) friends.crash(friend, 'kill')
}

function rotPending(vault: TestVault): void {
  const file = vault.laptop.volume.folder('heads')?.names.get('pending')
  if (!(file instanceof VolumeFile)) throw new Error('no head waits')
  file.rot(8 * 100)
}
