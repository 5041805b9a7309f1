import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { openAccounts } from '../../src/cli/ports.ts'
import { makeFolder } from '../adapters/folder.ts'

describe('the accounts of a peer', () => {
  it('that are damaged are set aside, and it starts with new ones', () => {
    const folder = makeFolder()
    const garbage = 'this is no database '.repeat(30)
    writeFileSync(join(folder, 'accounts.db'), garbage)
    const told: string[] = []
    openAccounts(folder, (path) => told.push(path)).close()
    const aside = join(folder, 'accounts.db.damaged')
    expect(told).toEqual([aside])
    expect(readFileSync(aside, 'utf8')).toBe(garbage)

    openAccounts(folder, (path) => told.push(path)).close()
    expect(told).toHaveLength(1)
    expect(readdirSync(folder).toSorted()).toEqual(['accounts.db', 'accounts.db.damaged'])
  })
})
