import { DatabaseSync } from 'node:sqlite'
import { describe, expect, it } from 'vitest'

import { creditName, openCredit, signAccount, signCredit } from '../../protocol/account.ts'
import { prepareAccounts } from '../../src/store/accounts-schema.ts'
import { CREDIT_MS, Credits, CREDITS_KEPT_MAX } from '../../src/store/credits.ts'
import { DAY, person, START, vaultPapers } from '../protocol/people.ts'

const papers = [1, 2].map(vaultPapers)

describe('credits', () => {
  it('are kept, the newest of each vault and peer, and told to who lacks them', () => {
    const credits = open()
    const first = credit(0, 7, { issuedAt: START })
    const newer = credit(0, 7, { issuedAt: START + 1, bytes: 50 })
    const other = credit(1, 7, { issuedAt: START })
    expect([first, newer, first, newer, other].map((each) => keep(credits, each))).toEqual([
      true,
      true,
      false,
      false,
      true,
    ])
    expect(
      credits
        .all()
        .map(({ bytes }) => bytes)
        .toSorted((a, b) => a - b),
    ).toEqual([50, 100])
    expect(credits.documentsBeside([creditName(other)])).toEqual([newer])
    expect(credits.documentsBeside(credits.names())).toEqual([])
  })

  it('count from the first one with a passed audit, however often they are renewed', () => {
    const credits = open()
    const at = (day: number, passed: number) =>
      keep(credits, credit(0, 7, { issuedAt: START + day, passed }), day * DAY)
    at(1, 0)
    expect(credits.all()[0]?.firstAge).toBeNull()
    at(2, 1)
    at(30, 5)
    expect(credits.all()[0]).toMatchObject({ firstAge: 2 * DAY, heardAge: 30 * DAY, passed: 5 })
  })

  it('are forgotten when nobody renewed them for 400 days', () => {
    const credits = open()
    keep(credits, credit(0, 7), DAY)
    credits.expire(CREDIT_MS)
    expect(credits.all()).toHaveLength(1)
    credits.expire(CREDIT_MS + 2 * DAY)
    expect(credits.all()).toEqual([])
  })

  it('of a flood make room, those heard longest ago first', () => {
    const database = prepared()
    const credits = new Credits(database)
    keep(credits, credit(0, 7), 5)
    database.exec(
      `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${CREDITS_KEPT_MAX})
       INSERT INTO credits SELECT printf('%064x', i), peer, device, bytes, passed, failed, capacity,
         issued_at, first_age, 1, name, document FROM n, credits`,
    )
    keep(credits, credit(1, 8), 6)
    const { count } = database.prepare('SELECT count(*) AS count FROM credits').get() as {
      count: number
    }
    expect(count).toBe(CREDITS_KEPT_MAX)
    expect(credits.documentsBeside([]).slice(0, 2)).toEqual([credit(1, 8), credit(0, 7)])
  })
})

function keep(credits: Credits, bytes: Uint8Array, age = 0): boolean {
  return credits.keep(bytes, openCredit(bytes), age)
}

function credit(
  owner: 0 | 1,
  holder: number,
  changes: Partial<Parameters<typeof signCredit>[0]> = {},
): Uint8Array {
  const { vault, device, certificate } = papers[owner]!
  const { peer, key } = person(holder)
  const span = { since: START - DAY, until: START, byteDays: 100, bytesHeld: 100, capacity: 1000 }
  const account = signAccount({ vault, peer, ...span }, key)
  const words = { bytes: 100, passed: 1, failed: 0, issuedAt: START, ...changes }
  return signCredit({ account, certificate, ...words }, device.key)
}

function open(): Credits {
  return new Credits(prepared())
}

function prepared(): DatabaseSync {
  const database = new DatabaseSync(':memory:')
  prepareAccounts(database)
  return database
}
