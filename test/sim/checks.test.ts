/** What every plan is checked for: that each check finds what it is there to find. */

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeCap } from '../../protocol/cap.ts'
import { deriveVaultKeys } from '../../protocol/keys.ts'
import { wordsToRoot } from '../../protocol/words.ts'
import { Cost } from '../../sim/cost.ts'
import { StoryError } from '../../sim/errors.ts'
import { toBytes } from '../../sim/file-tree.ts'
import { Keeping } from '../../sim/keeping.ts'
import { compareWith, takePicture, type Picture, type Seen } from '../../sim/oracle.ts'
import { packsOf } from '../../sim/promises.ts'
import { Needles } from '../../sim/needles.ts'
import { SimRandom } from '../../sim/random.ts'
import { drawCanaries, Secrecy } from '../../sim/secrecy.ts'
import { World } from '../../sim/world.ts'
import { SHARES_FOLDER } from '../../src/store/share-files.ts'
import { repairCapOf } from '../support/repair-caps.ts'
import { HOME, TestVault, noise } from '../support/test-vault.ts'

const CANARIES = drawCanaries(new SimRandom(1))

describe('needles', () => {
  const secret = Uint8Array.from({ length: 12 }, (_, index) => 7 * index + 1)

  it('are found wherever they lie, as they are, in hex and in base64', () => {
    const needles = new Needles()
    needles.add('the secret', secret)
    const some = fc.uint8Array({ maxLength: 50 })
    const form = fc.constantFrom('latin1', 'hex', 'base64', 'base64url')
    fc.assert(
      fc.property(some, some, form, (before, after, encoding) => {
        const bytes = Buffer.concat([before, secret, after])
        const shown = Buffer.from(bytes.toString(encoding as BufferEncoding), 'latin1')
        expect(needles.find(shown)).toMatch(/^the secret/)
      }),
    )
  })

  it('are not found where they are not', () => {
    const needles = new Needles()
    needles.add('the secret', secret)
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 100 }), (bytes) => {
        expect(needles.find(bytes)).toBeUndefined()
      }),
    )
  })
})

describe('the check of secrecy', () => {
  const words = `${'abandon '.repeat(23)}art`

  it('finds a name in what is told, a content in a log, and the words on a disk', () => {
    const tell = (show: (world: World) => void): void => {
      const world = new World(1)
      const secrecy = new Secrecy(world, CANARIES, (name) => name === 'laptop')
      secrecy.guard(words)
      for (const name of ['laptop', 'friend']) world.addMachine(name)
      show(world)
      secrecy.checkDisks()
    }
    const text = (what: string): Uint8Array => Buffer.from(`it is ${what}, you see`)
    const keep = (world: World, name: string, path: string, what: string): void => {
      world.machines.get(name)?.volume.become([{ path, bytes: text(what) }])
    }
    expect(() => tell(() => undefined)).not.toThrow()
    expect(() => tell(({ internet }) => internet.said('a', 'b', text(CANARIES.name)))).toThrow(
      'a told b a name',
    )
    expect(() => tell(({ trace }) => trace.add('a', 'log', { why: CANARIES.content }))).toThrow(
      StoryError,
    )
    expect(() => tell((world) => keep(world, 'friend', 'shares/x', CANARIES.name))).toThrow(
      'shares/x of friend holds a name',
    )
    expect(() => tell((world) => keep(world, 'laptop', 'keys/keyring', words))).toThrow(
      'holds words',
    )
  })

  it('finds a repair cap with anybody but its helper, and the seed in it everywhere', () => {
    const cap = repairCapOf(deriveVaultKeys(wordsToRoot(words)))
    const text = Buffer.from(encodeCap(cap))
    const look = (name: string, path: string, bytes: Uint8Array): void => {
      const world = new World(1)
      const secrecy = new Secrecy(world, CANARIES, (one) => one === 'laptop')
      secrecy.guard(words)
      secrecy.guardCap('helper', encodeCap(cap))
      for (const one of ['laptop', 'helper', 'friend']) world.addMachine(one)
      world.machines.get(name)?.volume.become([{ path, bytes }])
      secrecy.checkDisks()
    }
    expect(() => look('helper', 'help/x', text)).not.toThrow()
    expect(() => look('friend', 'help/x', text)).toThrow('help/x of friend holds a repair cap')
    expect(() => look('helper', 'shares/x', text)).toThrow('holds a repair cap')
    expect(() => look('laptop', 'keys/keyring', cap.repairSeed)).not.toThrow()
    for (const secret of [cap.repairSeed, cap.ledgerKey]) {
      expect(() => look('helper', 'help/x', secret)).toThrow('help/x of helper holds the')
    }
  })
})

describe('the check of what friends keep', () => {
  it('finds a share that became another one, and a vault beyond its quota', async () => {
    const vault = new TestVault({ peers: 3 })
    await vault.tell(async () => {
      vault.write('letter', noise(50_000, 1))
      await vault.backUp()
      const friends = vault.friends.all
      const promised = {
        quotaOf: (): number | undefined => undefined,
        capacityOf: () => 10_000_000,
        isSpoilt: () => false,
      }
      const keeping = new Keeping(promised)
      keeping.look(friends)
      expect(keeping.shares).toBeGreaterThan(0)
      expect(keeping.heads).toBeGreaterThan(0)
      expect(() => new Keeping({ ...promised, quotaOf: () => 10_000 }).look(friends)).toThrow(
        'bytes of a vault that may have 10000',
      )
      expect(() => new Keeping({ ...promised, capacityOf: () => 10_000 }).look(friends)).toThrow(
        'and lends 10000',
      )
      const { volume } = friends[0]!.machine
      const saved = volume.save()
      const share = saved.find(({ path }) => path.startsWith(SHARES_FOLDER))!
      share.bytes[share.bytes.length >> 1]! ^= 1
      volume.become(saved)
      expect(() => keeping.look(friends)).toThrow('is not the share that its name says')
    })
  })
})

describe('the check of restores', () => {
  const seen = (content: string): Seen => ({ attributes: 'file', size: 1, content })
  const at = (files: Record<string, string>): Picture =>
    new Map(Object.entries(files).map(([path, content]) => [path, seen(content)]))
  const judge = (pictures: readonly Picture[], restored: Picture): string[] => {
    const memory = { root: HOME, pictures, skipped: new Set<string>() }
    return compareWith(memory, restored, () => false).map(({ path, why }) => `${path} ${why}`)
  }

  it('finds what is not as it was, did not come back, or was never there', () => {
    const quiet = [at({ a: '1', b: '2' })]
    expect(judge(quiet, at({ a: '1', b: '2' }))).toEqual([])
    const found = judge(quiet, at({ a: '3', c: '4' }))
    expect(found).toHaveLength(3)
    expect(found[0]).toContain('a has other content than it had')
    expect(found.slice(1)).toEqual(['b did not come back', 'c was never there'])
  })

  it('takes each moment of a run with a person at work, path by path, and no other', () => {
    const busy = [at({ a: '1' }), at({ a: '2', b: '1' }), at({ b: '1' })]
    for (const right of [{}, { a: '1' }, { a: '2' }, { a: '1', b: '1' }]) {
      expect(judge(busy, at(right))).toEqual([])
    }
    expect(judge(busy, at({ a: '3' }))).toHaveLength(1)
    busy.push(at({ a: '3', b: '1' }))
    expect(judge(busy, at({ a: '3' }))).toEqual([])
  })
})

describe('the check of cost', () => {
  it('allows what changed, and not everything again', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      const cost = new Cost(vault.world, {
        friends: () => 5,
        host: () => 'laptop',
        packs: () => packsOf(vault.friends).size,
      })
      const run = async (isAllAgain = false): Promise<void> => {
        cost.begin()
        const summary = await vault.backUp()
        if (isAllAgain) vault.world.internet.said('laptop', 'ann', new Uint8Array(800_000))
        cost.end(summary, { root: HOME, pictures: [vault.picture()], skipped: new Set() })
      }
      for (const name of ['a', 'bb', 'ccc']) {
        vault.write(name, noise(400_000, name.length))
        await run()
      }
      expect(cost.runs).toBe(2)
      expect(cost.most).toBeGreaterThan(0.5)
      await run()
      await expect(run(true)).rejects.toThrow('a backup of 0 changed bytes sent')
    })
  })

  it('allows files again that a lost state left without a digest, in a run that reads everything', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      const cost = new Cost(vault.world, { friends: () => 5, host: () => 'laptop', packs: () => 2 })
      const run = async (readsAll: boolean, again = 0): Promise<void> => {
        cost.begin(readsAll)
        const summary = await vault.backUp()
        vault.world.internet.said('laptop', 'ann', new Uint8Array(again))
        cost.end(summary, { root: HOME, pictures: [vault.picture()], skipped: new Set() })
      }
      vault.write('large', noise(800_000, 1))
      await run(false)
      cost.lose()
      await run(false)
      await run(true, 800_000)
      await expect(run(true, 800_000)).rejects.toThrow('a backup of 0 changed bytes sent')
    })
  })

  it('allows a file again that was changed while a run went on, whatever ran between', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      const cost = new Cost(vault.world, {
        friends: () => 5,
        host: () => 'laptop',
        packs: () => packsOf(vault.friends).size,
      })
      vault.write('large', noise(1_600_000, 1))
      vault.write('sub/small', noise(1000, 2))
      const run = async (folder: string, isBusy = false): Promise<void> => {
        const root = `${HOME}${folder}`
        const picture = (): Picture => takePicture(vault.laptop.tree, root)
        cost.begin()
        const pictures = [picture()]
        const summary = await vault.backUp({ paths: [toBytes(root)] })
        if (isBusy) {
          vault.write('large', noise(1_600_000, 3))
          pictures.push(picture())
        }
        cost.end(summary, { root, pictures, skipped: new Set() })
      }
      await run('', true)
      await run('/sub')
      await run('')
      expect(cost.runs).toBe(1)
      expect(cost.most).toBeGreaterThan(0.5)
    })
  })
})
