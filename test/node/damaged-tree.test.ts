import { describe, expect, it } from 'vitest'
import { packIdFromBytes } from '../../protocol/manifest.ts'
import { toBytes, toText } from '../../sim/file-tree.ts'
import { HOME, TestVault } from '../support/test-vault.ts'

const PHOTO_COUNT = 1_200

function photo(index: number): string {
  return `photos/img_${String(index).padStart(5, '0')}.jpg`
}

/** Ids of the packs that the laptop made; those of the ledger, or all others. */
function packsOf({ laptop }: TestVault, isLedger: boolean): Promise<string[]> {
  return laptop.run(async ({ openDatabase }) => {
    const database = openDatabase('backupdb')
    try {
      const rows = database
        .prepare(`SELECT id FROM packs WHERE (kind = 'ledger') = ?`)
        .all(isLedger ? 1 : 0)
      return rows.map(({ id }) => packIdFromBytes(id as Uint8Array))
    } finally {
      database.close()
    }
  })
}

function scan(vault: TestVault) {
  const paths = [toBytes(HOME)]
  return vault.withClient((client, signal) => client.scan({ paths }, signal))
}

function upload(vault: TestVault) {
  return vault.withClient((client, signal) => client.upload({ host: 'laptop' }, signal))
}

/**
 * Every share of these packs is lost; the friends go on with the rest.
 *
 * @returns gives them back
 */
function lose({ friends }: TestVault, packs: readonly string[]): () => void {
  const lost = friends.all.map((friend) => {
    const { machine } = friend
    friends.crash(friend, 'kill')
    const isKept = (path: string) => !packs.some((pack) => path.includes(pack))
    const nodes = machine.volume.save()
    machine.volume.become(nodes.filter(({ path }) => isKept(path)))
    friends.start(friend)
    return { friend, nodes: nodes.filter(({ path }) => !isKept(path)) }
  })
  return () => {
    for (const { friend, nodes } of lost) {
      const { volume } = friend.machine
      friends.crash(friend, 'kill')
      volume.become([...volume.save(), ...nodes])
      friends.start(friend)
    }
  }
}

/**
 * Three snapshots; what only the second one wrote is lost.
 *
 * @returns gives it back
 */
async function loseSecond(vault: TestVault, isLedger: boolean): Promise<() => void> {
  for (let index = 0; index < PHOTO_COUNT; index += 1) vault.write(photo(index), `${index}`)
  vault.write('zoo/elephant', 'grey')
  await vault.backUp()
  const before = await packsOf(vault, isLedger)
  vault.write(photo(300), 'retouched')
  await vault.backUp()
  const lost = (await packsOf(vault, isLedger)).filter((pack) => !before.includes(pack))
  vault.write(photo(1_100), 'retouched too')
  await vault.backUp()
  return lose(vault, lost)
}

describe('a tree of which one page is lost', () => {
  it('gives back everything else, on a new machine, and names the folder it lay in', async () => {
    const vault = new TestVault({ peers: 3 })
    await vault.tell(async () => {
      await loseSecond(vault, false)
      await vault.recoverElsewhere()
      const { picture, summary } = await vault.restore()
      expect(picture.size).toBeGreaterThan(PHOTO_COUNT - 300)
      expect(picture.has('/zoo/elephant')).toBe(true)
      expect(picture.has('/photos/img_01199.jpg')).toBe(true)
      expect(summary.failures.map(({ path }) => toText(path))).toEqual([`${HOME}/photos`])
    })
  })
})

describe('a backup upon a tree of which one page is lost', () => {
  it('keeps everything else, and names what it could not keep', async () => {
    const vault = new TestVault({ peers: 3 })
    await vault.tell(async () => {
      await loseSecond(vault, false)
      await vault.recoverElsewhere()
      for (let index = 0; index < PHOTO_COUNT; index += 1) vault.write(photo(index), `${index}!`)
      vault.write('zoo/lion', 'yellow')
      const summary = await vault.backUp()
      expect(summary.published).toBe(true)
      expect(summary.skipped.length).toBeGreaterThan(0)
      const skipped = new Set(summary.skipped.map(({ path }) => toText(path)))
      const { picture } = await vault.restore()
      for (const [path, content] of vault.picture()) {
        if (!skipped.has(HOME + path)) expect(picture.get(path)).toEqual(content)
      }
      expect(skipped.has(`${HOME}/photos/img_00300.jpg`)).toBe(true)
      expect((await vault.backUp()).skipped).toHaveLength(summary.skipped.length)
    })
  })
})

describe('scanning and uploading apart upon a tree of which one page cannot be read', () => {
  it('publishes what the scan found, again and again', async () => {
    const vault = new TestVault({ peers: 3 })
    await vault.tell(async () => {
      await loseSecond(vault, false)
      await vault.recoverElsewhere()
      for (const animal of ['zoo/lion', 'zoo/tiger']) {
        vault.write(animal, 'yellow')
        await scan(vault)
        const summary = await upload(vault)
        expect([summary.published, summary.filesNew]).toEqual([true, 1])
        expect((await vault.restore()).picture.has(`/${animal}`)).toBe(true)
      }
    })
  })

  it('must scan again once the page can be read: the scan could not tell what is gone from it', async () => {
    const vault = new TestVault({ peers: 3 })
    await vault.tell(async () => {
      const giveBack = await loseSecond(vault, false)
      await vault.recoverElsewhere()
      vault.write('zoo/lion', 'yellow')
      await scan(vault)
      giveBack()
      await expect(upload(vault)).rejects.toThrow('What was scanned no longer stands')
      await scan(vault)
      expect((await upload(vault)).published).toBe(true)
      expect(await vault.differences('latest', vault.picture())).toEqual([])
    })
  })
})

describe('a ledger of which an older part is lost', () => {
  it('still leads to what the newest part names', async () => {
    const vault = new TestVault({ peers: 3 })
    await vault.tell(async () => {
      await loseSecond(vault, true)
      await vault.recoverElsewhere()
      const { picture, summary } = await vault.restore()
      expect(picture.has('/photos')).toBe(true)
      expect(summary.failures.length).toBeGreaterThan(0)
    })
  })
})
