/** Peers that show old heads, or two: the rows H01, H02, H07 and H08 of test/oracles/faults.csv. */

import { describe, expect, it } from 'vitest'
import { openHead } from '../../protocol/head.ts'
import { peerIdOf } from '../../protocol/keys.ts'
import { Client, recover } from '../../src/node/client.ts'
import { RollbackError } from '../../src/restore/head-report.ts'
import { MachineCrashed } from '../../sim/errors.ts'
import type { MachinePorts, SavedState } from '../../sim/machine.ts'
import type { Friend } from '../../sim/grid.ts'
import { backUp, forget, gc, sleepDays, usedBy } from '../support/chores.ts'
import { forkHead } from '../support/forks.ts'
import { lyingBy } from '../support/lying-network.ts'
import { clientPorts, TestVault, noise } from '../support/test-vault.ts'

const KIB = 1024

describe('friends who show an old head', () => {
  it('H01: after they signed for a newer one, are named with both, and nothing is pruned on their word', () =>
    inVault(async (vault) => {
      await backUp(vault)
      const old = saveFriends(vault, vault.friends.all)
      vault.write('second', noise(30 * KIB, 2))
      const second = await backUp(vault)
      vault.write('third', noise(30 * KIB, 3))
      const third = await backUp(vault)
      expect(third.sequence).toBe(3)
      returnFriends(vault, old)

      const refused = gc(vault)
      await expect(refused).rejects.toBeInstanceOf(RollbackError)
      await expect(refused).rejects.toMatchObject({ known: 3, shown: 1 })
      await expect(refused).rejects.toThrow(/Head 3 .* head 1/)
      const { evidence } = await vault.withClient((client, signal) => client.status(signal))
      expect(evidence.map(({ kind }) => kind)).toEqual(Array(5).fill('rollback'))
      expect(evidence[0]?.words).toMatch(/signed for head 3 .* shows head 1/)

      // They were given the newest head again; what it needs is partly gone, and kept apart by that.
      const { peers, sequence } = await vault.withClient((client, signal) => client.heads(signal))
      expect(sequence).toBe(3)
      expect(peers.map(({ verdict }) => verdict)).toEqual(Array(5).fill('current'))
      const summary = await vault.backUp()
      expect(summary.sequence).toBe(4)
      expect(second.sequence).toBe(2)
    }))

  it('or none that can be believed, are named: by who backs up, and by who recovers', () =>
    inVault(async (vault) => {
      await backUp(vault)
      const [liar] = vault.friends.all.toReversed()
      const peer = peerIdOf(liar!.key.publicKey)
      const lying = (ports: MachinePorts) => lyingBy(clientPorts(ports), peer, 300)
      const named = expect.stringMatching(/friend\d+ answered with heads that cannot be believed/)
      const { warnings } = await vault.laptop.run(async (ports, signal) => {
        const client = await Client.open(lying(ports), signal)
        try {
          return await client.check({}, signal)
        } finally {
          await client.close()
        }
      })
      expect(warnings).toContainEqual(named)
      const elsewhere = vault.world.addMachine('elsewhere', { isReachable: false })
      const recovered = await elsewhere.run((ports, signal) =>
        recover(lying(ports), { words: vault.words, invite: vault.friends.invite }, signal),
      )
      expect(recovered.sequence).toBe(1)
      expect(recovered.warnings).toContainEqual(named)
    }))

  it('H01: are outvoted by one who shows the newest, and then a forget goes on', () =>
    inVault(async (vault) => {
      await backUp(vault)
      const [first] = vault.friends.all
      const old = saveFriends(vault, [first!])
      vault.write('second', noise(30 * KIB, 2))
      await backUp(vault)
      returnFriends(vault, old)
      const { peers } = await vault.withClient((client, signal) => client.heads(signal))
      const row = peers.find(({ verdict }) => verdict === 'rolled-back')
      expect(row).toMatchObject({ sequence: 1, signedFor: 2, lag: 1, name: first!.name })
      expect(peers.filter(({ verdict }) => verdict === 'current')).toHaveLength(4)
      const { warnings } = await forget(vault, { last: 1 })
      expect(warnings.join()).not.toMatch(/signed for/)
    }))

  it('H02 H07: lose to one who does not, on a machine that knows nothing, and the age is told', () =>
    inVault(async (vault) => {
      vault.write('first', noise(30 * KIB, 1))
      await backUp(vault)
      vault.write('second', noise(30 * KIB, 2))
      const { picture } = await backUp(vault)
      await sleepDays(vault, 20)
      for (const friend of vault.friends.all.slice(1)) hideHeads(friend, 1)
      const summary = await recoverWith(vault)
      expect(summary.sequence).toBe(2)
      expect(summary.warnings.join('\n')).toMatch(/4 peers showed an older state than snapshot 2/)
      expect(summary.warnings.join('\n')).toMatch(/newest head .* 20 days old/)
      expect(summary.head).toMatch(
        /^head 2, received .* \(20 days old\); 5 of 5 friends answered, 1 of them/,
      )
      expect(await vault.differences('latest', picture)).toEqual([])
    }))

  it('H02: are not the last word where others did not answer: it is said how many did', () =>
    inVault(async (vault) => {
      await backUp(vault)
      for (const friend of vault.friends.all.slice(3)) vault.friends.crash(friend)
      const summary = await recoverWith(vault)
      expect(summary.warnings.join()).toMatch(/3 of 5 friends answered; the newest mark .* head 1/)
    }))

  it('H07: since they were away get the newest one with the next run', () =>
    inVault(async (vault) => {
      const away = vault.friends.all[4]!
      vault.friends.crash(away)
      await vault.backUp()
      vault.startFriends()
      await vault.calm()
      const heads = () => vault.withClient((client, signal) => client.heads(signal))
      expect((await heads()).peers.map(({ verdict }) => verdict).toSorted()).toEqual([
        'current',
        'current',
        'current',
        'current',
        'none',
      ])
      await forget(vault, { last: 5 })
      expect((await heads()).peers.map(({ verdict }) => verdict)).toEqual(Array(5).fill('current'))
      expect((await heads()).evidence).toEqual([])
    }))

  it('H07: or two heads for one place, are known by the two that were signed, and it is told once', () =>
    inVault(async (vault) => {
      await forkHead(vault)
      const told = (await vault.backUp()).warnings
      expect(told.filter((words) => /Two different heads 2/.test(words))).toHaveLength(1)
      const { evidence } = await vault.withClient((client, signal) => client.heads(signal))
      expect(evidence).toHaveLength(1)
      expect(evidence[0]).toMatchObject({ kind: 'fork', sequence: 2 })
      const heads = evidence.flatMap((found) => found.heads.map(openHead))
      expect(heads.map(({ sequence }) => sequence)).toEqual([2, 2])
      expect((await vault.backUp()).warnings).toEqual([])
    }))
})

describe('a backup whose power goes before its head is published', () => {
  it('H08: leaves the old head valid, and the next run sends no object again', () =>
    inVault(async (vault) => {
      vault.write('first', noise(50 * KIB, 1))
      const first = await backUp(vault)
      vault.write('second', noise(300 * KIB, 2))
      const used = await usedBy(vault)
      vault.laptop.diskTrouble.onStep = ({ operation, path }) =>
        operation === 'create' && path.startsWith('heads/pending') ? 'cut' : 'pass'
      await expect(vault.backUp()).rejects.toBeInstanceOf(MachineCrashed)
      vault.laptop.diskTrouble.onStep = undefined
      vault.laptop.boot()
      expect(await vault.differences(String(first.sequence), first.picture)).toEqual([])
      const cut = await usedBy(vault)
      expect(cut).toBeGreaterThan(used + 300 * KIB)
      const again = await vault.backUp()
      expect(again.published).toBe(true)
      expect((await usedBy(vault)) - cut).toBeLessThan(150 * KIB)
    }))
})

async function inVault(story: (vault: TestVault) => Promise<void>): Promise<void> {
  const vault = new TestVault({ peers: 5 })
  vault.write('a file', noise(20 * KIB, 9))
  await vault.tell(story)
}

/** Copies of friends' disks, as of now. */
function saveFriends(
  vault: TestVault,
  friends: readonly Friend[],
): ReadonlyMap<Friend, SavedState> {
  return new Map(
    friends.map((friend) => {
      vault.friends.crash(friend, 'kill')
      const state = friend.machine.saveState()
      vault.friends.start(friend)
      return [friend, state]
    }),
  )
}

/** Friends come back with the disks they had then. */
function returnFriends(vault: TestVault, states: ReadonlyMap<Friend, SavedState>): void {
  for (const [friend, state] of states) {
    vault.friends.crash(friend, 'kill')
    friend.machine.returnTo(state)
    vault.friends.start(friend)
  }
}

/** The friend shows no head above this one from now on, whatever it keeps. */
function hideHeads({ node }: Friend, sequence: number): void {
  if (node === undefined) throw new Error('the friend serves')
  const { headStore } = node
  const all = headStore.heads.bind(headStore)
  headStore.heads = (vault) => {
    const shown = all(vault, { all: true })
    return shown.filter(({ head }) => openHead(head).sequence <= sequence).slice(0, 1)
  }
}

async function recoverWith(vault: TestVault) {
  await vault.calm()
  return await vault.recoverElsewhere()
}
