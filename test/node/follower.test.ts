/** Following what changes: what is backed up, when, and what is done where hints do not tell everything. */

import { describe, expect, it } from 'vitest'
import { toBytes } from '../../sim/file-tree.ts'
import { SimRandom } from '../../sim/random.ts'
import { SimWatching } from '../../sim/watching.ts'
import { LockedError } from '../../src/base/errors.ts'
import type { BackupSummary } from '../../src/node/client.ts'
import { followed, Follower, type Followed, type FollowerEvent } from '../../src/node/follower.ts'
import { NO_RULES } from '../../src/source/rules.ts'
import { onMachine } from '../support/on-machine.ts'
import { HOME, TestVault } from '../support/test-vault.ts'

const QUIET_MS = 60_000
const HOUR_MS = 3_600_000
const WALK_MS = 3 * HOUR_MS

/** After so many others, what a story waits for will not come. */
const DEEDS_MAX = 20

describe('a follower', () => {
  it('backs up what changed once it was quiet, and all else is in the snapshot as it was', () =>
    following(async ({ vault, done, clock }) => {
      vault.write('a/one', '1')
      vault.write('b/two', '2')
      await done('walk')
      vault.write('a/one', 'other')
      await clock.sleep(QUIET_MS / 2)
      vault.write('a/new/deep', 'new')
      vault.remove('b/two')
      const picture = vault.picture()
      const { summary } = await done('look')
      expect(summary).toMatchObject({ filesNew: 1, filesChanged: 1, filesTotal: 2 })
      expect(await vault.differences('latest', picture)).toEqual([])
    }))

  it('has each time what is there, whatever was made, renamed, changed and removed', () =>
    following(async ({ vault, done, clock }) => {
      const random = new SimRandom(11)
      const { tree } = vault.laptop
      const names = ['a', 'b', 'c', 'a/b', 'a/c', 'b/a', 'a/b/c', 'c/a/b']
      for (const name of names) vault.folder(name)
      await done('walk')
      for (let round = 0; round < 25; round += 1) {
        for (let count = 1 + random.below(6); count > 0; count -= 1) {
          change(vault, random, names)
          if (random.chance(0.5)) await clock.sleep(random.below(3_000))
        }
        vault.write('always', `${round}`)
        const picture = vault.picture()
        const { summary } = await done('look')
        expect(await vault.differences('latest', picture)).toEqual([])
        const files = [...tree.walk(toBytes(HOME))].filter(({ node }) => node.kind === 'file')
        expect(summary).toMatchObject({ filesTotal: files.length })
      }
    }))

  it('makes no snapshot where nothing is other than before', () =>
    following(async ({ vault, done, clock, rows }) => {
      vault.write('a/one', '1')
      await done('walk')
      const folder = vault.laptop.tree.node(toBytes(`${HOME}/a`))
      const { mtime, ctime } = folder
      vault.write('a/passing', '')
      await clock.sleep(QUIET_MS / 2)
      vault.remove('a/passing')
      Object.assign(folder, { mtime, ctime })
      const before = await rows()
      await done('unchanged')
      expect(await rows()).toBe(before)
    }))

  it('walks everything now and then, and so finds what no hint told of', () =>
    following(async ({ vault, done, watching }) => {
      vault.write('a/one', '1')
      const first = await done('walk')
      watching.trouble.isDeaf = true
      vault.write('b/two', '2')
      const second = await done('walk')
      expect(second.at - first.at).toBeGreaterThanOrEqual(WALK_MS)
      expect(second.summary).toMatchObject({ filesNew: 1 })
    }))

  it('walks everything soon after changes were lost', () =>
    following(async ({ vault, done, watching }) => {
      const first = await done('walk')
      watching.trouble.isFull = true
      vault.write('b/two', '2')
      const second = await done('walk')
      expect(second.at - first.at).toBeLessThan(3 * QUIET_MS)
      expect(second.summary).toMatchObject({ filesNew: 1 })
    }))

  it('walks everything every hour where not everything is watched', () =>
    following(
      async ({ vault, done }) => {
        const first = await done('walk')
        vault.write('b/two', '2')
        const second = await done('walk')
        expect(second.at - first.at).toBeGreaterThanOrEqual(HOUR_MS)
        expect(second.at - first.at).toBeLessThan(HOUR_MS + 3 * QUIET_MS)
        expect(second.summary).toMatchObject({ filesNew: 1 })
      },
      { limit: 'ENOSPC' },
    ))

  it('walks everything when somebody else has made a snapshot', () =>
    following(async ({ vault, done }) => {
      vault.write('a/one', '1')
      await done('walk')
      vault.laptop.tree.make(toBytes('/etc'), 'folder', 0o755)
      await vault.backUp({ paths: [toBytes('/etc')] })
      vault.write('a/one', 'other')
      const picture = vault.picture()
      await done('stale')
      const { summary } = await done('walk')
      expect(summary).toMatchObject({ filesChanged: 1 })
      expect(await vault.differences('latest', picture)).toEqual([])
    }))

  it('keeps its hints while another command is at work', () =>
    following(async ({ vault, done, failing }) => {
      vault.write('a/one', '1')
      await done('walk')
      failing.push(new LockedError('/home/lock'))
      vault.write('a/one', 'other')
      await done('failed')
      expect((await done('look')).summary).toMatchObject({ filesChanged: 1 })
    }))

  it('still walks everything after changes were lost, where another command was at work just then', () =>
    following(async ({ vault, done, watching, failing }) => {
      const first = await done('walk')
      watching.trouble.isFull = true
      failing.push(new LockedError('/home/lock'))
      vault.write('b/two', '2')
      await done('failed')
      const second = await done('walk')
      expect(second.at - first.at).toBeLessThan(HOUR_MS)
      expect(second.summary).toMatchObject({ filesNew: 1 })
    }))

  it('looks once more at what it could not read, also at what is in a folder', () =>
    following(async ({ vault, done }) => {
      const { tree } = vault.laptop
      vault.write('a/closed/sub/one', '1')
      vault.write('a/secret', '2')
      const [closed, secret] = ['a/closed', 'a/secret'].map((path) => {
        return tree.node(toBytes(`${HOME}/${path}`))
      })
      tree.setAttributes(closed!, { mode: 0 })
      tree.setAttributes(secret!, { mode: 0 })
      expect((await done('walk')).summary).toMatchObject({ skipped: [{}, {}] })
      // What was made just now was told as well.
      await done('look')
      tree.setAttributes(closed!, { mode: 0o755 })
      tree.setAttributes(secret!, { mode: 0o644 })
      const picture = vault.picture()
      expect((await done('look')).summary).toMatchObject({ filesNew: 2, skipped: [] })
      expect(await vault.differences('latest', picture)).toEqual([])
    }))

  it('leaves a root that went away as it was, and walks it when it is back', () =>
    following(async ({ vault, done }) => {
      vault.write('a/one', '1')
      await done('walk')
      const { tree } = vault.laptop
      tree.rename(toBytes(HOME), toBytes('/home/elsewhere'))
      await done('away')
      await vault.world.scheduler.sleep(2 * WALK_MS)
      tree.rename(toBytes('/home/elsewhere'), toBytes(HOME))
      vault.write('a/one', 'other')
      await done('back')
      const picture = vault.picture()
      expect((await done('walk')).summary).toMatchObject({ filesChanged: 1, filesTotal: 1 })
      expect(await vault.differences('latest', picture)).toEqual([])
    }))

  it('tries again where friends are away, and loses nothing', () =>
    following(async ({ vault, done }) => {
      vault.write('a/one', '1')
      await done('walk')
      for (const friend of vault.friends.all) vault.friends.crash(friend)
      vault.write('a/one', 'other')
      expect((await done('look')).summary).toMatchObject({ published: false })
      vault.startFriends()
      const picture = vault.picture()
      expect((await done('walk')).summary).toMatchObject({ published: true })
      expect(await vault.differences('latest', picture)).toEqual([])
    }))
})

describe('a follower that is stopped', () => {
  it('has ended only when the backup has that was under way', () =>
    onMachine(async ({ clock }, { tree }) => {
      tree.make(toBytes('/home'), 'folder', 0o755)
      const stop = new AbortController()
      const order: string[] = []
      const follower = new Follower(
        {
          clock,
          watching: new SimWatching(tree, clock),
          walk: async (_, signal) => {
            stop.abort(new Error('enough'))
            await clock.sleep(1_000)
            order.push('wound down')
            signal.throwIfAborted()
            return { sequence: 1, skipped: [] }
          },
          look: () => Promise.resolve('unchanged'),
          onEvent: () => undefined,
        },
        { quietMs: QUIET_MS, walkMs: WALK_MS },
      )
      const request = { roots: [toBytes('/home')], excluded: [], rules: NO_RULES }
      await expect(follower.run(request, stop.signal)).rejects.toThrow('enough')
      order.push('ended')
      expect(order).toEqual(['wound down', 'ended'])
    }))
})

/** One of the things that people do with files and folders; what cannot be done is not done. */
function change(vault: TestVault, random: SimRandom, names: readonly string[]): void {
  const { tree } = vault.laptop
  const [one, two] = [random.pick(names), random.pick(names)]
  const at = (name: string) => toBytes(`${HOME}/${name}`)
  switch (random.below(5)) {
    case 0:
      return vault.write(`${one}/file${random.below(3)}`, `${random.below(1_000)}`)
    case 1:
      return vault.folder(`${one}/new${random.below(2)}/deep`)
    case 2:
      if (!tree.has(at(one)) || tree.has(at(two)) || `${two}/`.startsWith(`${one}/`)) return
      if (two.includes('/')) vault.folder(two.slice(0, two.lastIndexOf('/')))
      return vault.rename(one, two)
    case 3:
      if (tree.has(at(one)))
        tree.setAttributes(tree.node(at(one)), { mode: random.pick([0o755, 0o750]) })
      return
    default:
      if (!tree.has(at(one))) return
      for (const { path } of [...tree.walk(at(one))].toReversed()) tree.remove(path)
  }
}

/** One thing that the follower did or was told. */
interface Deed {
  readonly what: 'walk' | 'look' | 'unchanged' | 'stale' | FollowerEvent['type']
  readonly at: number
  readonly summary: BackupSummary | string | undefined
}

interface Following {
  readonly vault: TestVault
  readonly watching: SimWatching
  readonly clock: TestVault['laptop']['clock']
  /** Thrown by what is done next, one after the other. */
  readonly failing: Error[]
  /** The next deed of a kind; what came before it is forgotten. */
  readonly done: (what: Deed['what']) => Promise<Deed>
  /** How many snapshots there are. */
  readonly rows: () => Promise<number>
}

async function following(
  story: (following: Following) => Promise<void>,
  { limit }: { readonly limit?: string } = {},
): Promise<void> {
  const vault = new TestVault()
  await vault.tell(async () => {
    vault.folder('')
    await vault.calm()
    const { clock } = vault.laptop
    const watching = new SimWatching(vault.laptop.tree, clock)
    watching.trouble.limit = limit
    const failing: Error[] = []
    const deeds: Deed[] = []
    let wake = (): void => undefined
    const note = (what: Deed['what'], summary?: Deed['summary']) => {
      deeds.push({ what, at: clock.monotonic(), summary })
      wake()
    }
    const noted = (what: 'walk' | 'look', summary: BackupSummary): Followed => {
      note(what, summary)
      return followed(summary)
    }
    const attempt = () => {
      const error = failing.shift()
      if (error !== undefined) throw error
    }
    const follower = new Follower(
      {
        clock,
        watching,
        walk: async (paths) => {
          attempt()
          const request = { paths, host: 'laptop' }
          return noted(
            'walk',
            await vault.withClient((client, signal) => client.backup(request, signal)),
          )
        },
        look: async (paths, hints) => {
          attempt()
          const request = { paths, hints, host: 'laptop' }
          const summary = await vault.withClient((client, signal) =>
            client.backupHinted(request, signal),
          )
          if (typeof summary !== 'string') return noted('look', summary)
          note(summary)
          return summary
        },
        onEvent: ({ type }) => note(type),
      },
      { quietMs: QUIET_MS, walkMs: WALK_MS },
    )
    const stop = new AbortController()
    const request = { roots: [toBytes(HOME)], excluded: [], rules: NO_RULES }
    const running = follower.run(request, stop.signal)
    const done = async (what: Deed['what']): Promise<Deed> => {
      for (let others = 0; ; others += 1) {
        const deed = deeds.shift()
        if (deed?.what === what) return deed
        if (others > DEEDS_MAX) throw new Error(`it never came to ${what}`)
        if (deed !== undefined) continue
        const woken = Promise.withResolvers<void>()
        wake = woken.resolve
        await Promise.race([woken.promise, running])
      }
    }
    const rows = () =>
      vault.withClient(async (client, signal) => (await client.snapshots(signal)).length)
    try {
      await story({ vault, watching, clock, failing, done, rows })
    } finally {
      stop.abort(new Error('enough'))
    }
    await expect(running).rejects.toThrow('enough')
  })
}
