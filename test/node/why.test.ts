import { describe, expect, it } from 'vitest'
import { toBytes } from '../../sim/file-tree.ts'
import { DiskFullError } from '../../src/base/errors.ts'
import { whyLines } from '../../src/cli/reports/why.ts'
import type { WhyReport, WhyRequest } from '../../src/node/client.ts'
import { look, packRows, passDays } from '../support/friend-days.ts'
import { HOME, noise, TestVault } from '../support/test-vault.ts'

const KIB = 1024

describe('why', () => {
  it('has nothing to say of a vault that is whole, nor of an empty one', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      expect(await why(vault)).toMatchObject({ packsTotal: 0, explanations: [], lacks: [] })
      vault.write('letters', noise(100 * KIB))
      await vault.backUp()
      const report = await why(vault)
      expect([...report.verdicts]).toEqual([['whole', report.packsTotal]])
      expect(whyLines(report)).toEqual([
        `All ${report.packsTotal} packs are whole, as far as this computer knows; "cairn check" asks the peers.`,
      ])
    })
  })

  it('names the friends that a settling pack waits for, and what would help', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      const quiet = vault.friends.all.slice(3)
      for (const friend of quiet) vault.friends.crash(friend)
      await passDays(vault, 2)
      vault.write('letters', noise(100 * KIB))
      expect((await vault.backUp()).published).toBe(true)
      const report = await why(vault)
      expect([...report.verdicts.keys()]).toEqual(['thin'])
      expect(report.lacks.map(({ lack }) => lack)).toMatchObject([
        { type: 'peer', why: 'silent' },
        { type: 'peer', why: 'silent' },
      ])
      const names = quiet.map(({ name }) => name)
      for (const name of names) expect(whyLines(report).join('\n')).toContain(`${name} silent for`)
      expect(whyLines(report).at(-1)).toBe('  1 more friend with disk to lend: cairn invite')

      vault.startFriends()
      const back = await why(vault)
      expect(back.lacks.map(({ lack }) => lack)).toMatchObject([{ type: 'placing', shares: 1 }])
    })
  })

  it('says what a backup waits for that is not safe yet', async () => {
    const vault = new TestVault({ peers: 7 })
    await vault.tell(async () => {
      for (const friend of vault.friends.all.slice(2)) vault.friends.crash(friend)
      vault.write('letters', noise(100 * KIB))
      expect((await vault.backUp()).published).toBe(false)
      const report = await why(vault)
      expect([...report.verdicts]).toEqual([['unsafe', 1]])
      expect(report.explanations[0]?.health).toMatchObject({ happiness: 2, safeCount: 3 })
      expect(report.lacks.map(({ lack }) => lack.type)).toEqual(Array(5).fill('peer'))
      expect(whyLines(report).slice(-2)).toEqual([
        '  friend2, friend3, friend4 or 2 others back',
        '  1 more friend with disk to lend: cairn invite',
      ])
    })
  })

  it('takes what still lies here for unsafe, and not for lost, where no friend answers', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      vault.write('letters', noise(100 * KIB, 1))
      await vault.backUp()
      for (const friend of vault.friends.all) vault.friends.crash(friend)
      vault.write('letters', noise(100 * KIB, 2))
      expect((await vault.backUp()).published).toBe(false)
      const report = await why(vault)
      expect([...report.verdicts.keys()]).toEqual(['unsafe', 'whole'])
      expect(whyLines(report).join('\n')).toContain('friend0, friend1, friend2 or 2 others back')
    })
  })

  it('tells a friend who is full from one who is away', async () => {
    const vault = new TestVault({ peers: 4 })
    await vault.tell(async () => {
      const [, full, away] = vault.friends.all
      if (full === undefined || away === undefined) throw new Error('there are friends')
      full.machine.diskTrouble.onStep = ({ operation }) =>
        operation === 'append' ? new DiskFullError('no space left') : 'pass'
      vault.friends.crash(away)
      vault.write('letters', noise(100 * KIB))
      await vault.backUp()
      const report = await why(vault)
      const reasons = report.lacks.flatMap(({ lack }) => (lack.type === 'peer' ? [lack.why] : []))
      expect(reasons.toSorted()).toEqual(['full', 'silent'])
      expect(whyLines(report).join('\n')).toContain('room at friend1')
    })
  })

  it('tells of a file the packs that its newest version needs, and of a pack this one', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      vault.write('folder/first', noise(100 * KIB, 1))
      await vault.backUp()
      vault.write('folder/second', noise(100 * KIB, 2))
      await vault.backUp()
      const data = (await packRows(vault)).filter(({ kind }) => kind === 'data')
      expect(data).toHaveLength(2)
      const [first, second] = data.map(({ number }) => number)
      const numbers = async (path: string) => {
        const { explanations } = await why(vault, {
          type: 'path',
          path: toBytes(`${HOME}/${path}`),
        })
        return explanations.flatMap(({ health }) => health.pack.numbers)
      }
      expect(await numbers('folder/first')).toEqual([first])
      expect(await numbers('folder/second')).toEqual([second])
      expect(await numbers('folder')).toEqual([first, second])
      await expect(numbers('nothing')).rejects.toMatchObject({ name: 'NoSuchSnapshotError' })

      const one = await why(vault, { type: 'pack', pack: String(second) })
      expect(one.explanations.map(({ health }) => health.pack.numbers)).toEqual([[second]])
      const named = await why(vault, { type: 'pack', pack: String(data[0]?.id) })
      expect(named.explanations.map(({ health }) => health.verdict)).toEqual(['whole'])
      await expect(why(vault, { type: 'pack', pack: '4711' })).rejects.toThrow('no pack 4711')
    })
  })

  it('of a lost pack names those who had it', async () => {
    const vault = new TestVault({ peers: 5 })
    await vault.tell(async () => {
      vault.write('letters', noise(100 * KIB))
      await vault.backUp()
      for (const friend of vault.friends.all.slice(1)) vault.friends.lose(friend)
      await passDays(vault, 22)
      const report = await why(vault)
      expect([...report.verdicts.keys()]).toContain('lost')
      const gone = report.lacks.flatMap(({ lack }) => (lack.type === 'peer' ? [lack.why] : []))
      expect(gone).toEqual(['gone', 'gone', 'gone', 'gone'])
      expect((await look(vault)).placed.unsafe).toBe(report.packsTotal)
    })
  })
})

function why(vault: TestVault, request: WhyRequest = { type: 'all' }): Promise<WhyReport> {
  return vault.withClient((client, signal) => client.why(request, signal))
}
