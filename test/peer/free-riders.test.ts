/** Ten people, three of whom lend nothing: who is served, who is refused, and what stays. */

import { describe, expect, it } from 'vitest'

import { FairPerson, passDays, type TestPack } from '../support/fair-people.ts'
import { forever, makePack, TestGrid, type TestPeer } from '../support/test-grid.ts'

const LENDERS = 7
const PEOPLE = 10
const SHARES = 3

describe('L09: of ten people three who store and lend nothing', () => {
  it('are told and then refused, while those who lend are served; nothing that is stored goes', async () => {
    const people: FairPerson[] = []
    const each = (index: number) => ({ vault: people[index]!.vault, floor: 40_000 })
    const test = new TestGrid({ peers: LENDERS, each })
    for (let index = 0; index < PEOPLE; index += 1) {
      people.push(new FairPerson(test, `person ${index}`))
    }
    const lenders = people.slice(0, LENDERS)
    const riders = people.slice(LENDERS)
    await test.tell(async () => {
      await test.world.scheduler.sleep(5000)
      const kept: { person: FairPerson; packs: TestPack[] }[] = []
      for (const [index, person] of people.entries()) {
        const packs = packsOf(index, SHARES)
        for (const pack of packs) {
          expect(await everywhere(test, (peer) => person.put(peer, pack))).toEqual(all('stored'))
        }
        adopt(test, person, packs)
        kept.push({ person, packs })
      }

      for (let days = 0; days < 36; days += 12) {
        await passDays(test, 12)
        for (const person of people) await vouchForAll(test, person)
      }

      for (const rider of riders) {
        const { over, grant } = await (await rider.session(test.peers[0]!)).status(forever)
        expect(grant).toBe(40_000)
        expect(over!.bytes).toBeGreaterThan(SHARES * 20_000 - 40_000)
      }
      for (const [index, person] of people.entries()) {
        const [more] = packsOf(100 + index, 1) as [TestPack]
        const answers = await everywhere(test, (peer) => person.put(peer, more))
        if (lenders.includes(person)) {
          expect(answers, `person ${index}`).toEqual(all('stored'))
          const grants = test.peers.map(({ node }) => node.fairUse.grantOf(person.vault, undefined))
          expect(grants.filter(({ by }) => by === 'held')).toHaveLength(LENDERS - 1)
          expect(grants.filter(({ by }) => by === 'own')).toHaveLength(1)
        } else {
          for (const answer of answers) expect(answer).toMatch(/^quota: .*hold 0 B for others/)
        }
      }

      await passDays(test, 20)
      for (const { person, packs } of kept) {
        for (const { node } of test.peers) {
          for (const { id } of packs) expect(node.shareStore.have(id, person.vault)).toEqual([0])
        }
      }
    })
  }, 240_000)
})

describe('two who vouch for each other', () => {
  it('are granted the floor all the same', async () => {
    const people: FairPerson[] = []
    const each = (index: number) => ({ vault: people[index]!.vault, floor: 50_000 })
    const test = new TestGrid({ peers: 5, each })
    for (let index = 0; index < 5; index += 1) {
      people.push(new FairPerson(test, `person ${index}`))
    }
    await test.tell(async () => {
      await test.world.scheduler.sleep(5000)
      const [ada, ben] = people as [FairPerson, FairPerson]
      const [hers, his] = test.peers as [TestPeer, TestPeer]
      // Each fills the other's peer, which lies about nothing, and stores the floor everywhere else.
      for (const [index, [person, at]] of (
        [
          [ada, his],
          [ben, hers],
        ] as const
      ).entries()) {
        const packs = packsOf(index, 12)
        for (const pack of packs) expect(await person.put(at, pack)).toBe('stored')
        for (const pack of packs.slice(0, 2)) {
          await everywhere(test, (peer) => person.put(peer, pack))
        }
        adopt(test, person, packs)
      }
      for (let days = 0; days < 20; days += 4) {
        await passDays(test, 4)
        for (const person of people) await vouchForAll(test, person)
      }
      const others = test.peers.slice(2)
      for (const { node } of others) {
        for (const person of [ada, ben]) {
          const { bytes, held } = node.fairUse.grantOf(person.vault, undefined)
          expect(bytes).toBe(50_000)
          expect(held, 'of 250 kB that each vouches for').toBeLessThan(90_000)
        }
      }
    })
  })
})

function packsOf(index: number, count: number): TestPack[] {
  return Array.from({ length: count }, (_, each) =>
    makePack(20_000, { needed: 1, total: 1 }, 1000 * (index + 1) + each),
  )
}

async function everywhere(
  test: TestGrid,
  work: (peer: TestPeer) => Promise<string>,
): Promise<string[]> {
  return await Promise.all(test.peers.map(work))
}

function all(outcome: string): string[] {
  return Array.from({ length: LENDERS }, () => outcome)
}

function adopt(test: TestGrid, { vault }: FairPerson, packs: readonly TestPack[]): void {
  const ids = packs.map(({ id }) => id)
  for (const { node } of test.peers) node.shareStore.adopt(vault, ids, 1)
}

async function vouchForAll(test: TestGrid, person: FairPerson): Promise<void> {
  const credits = await Promise.all(
    test.peers
      .filter(({ node }) => node.fairUse.ownVault !== person.vault)
      .map((peer) => person.vouch(peer)),
  )
  await Promise.all(test.peers.map((peer) => person.tell(peer, credits)))
}
