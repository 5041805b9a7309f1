/** Packs that are merged: a diary beside many small letters, and what the laptop knows of its packs. */

import { backUp, KIB, type Day } from './chores.ts'
import { noise, type TestVault } from './test-vault.ts'

/** A file of which something small changes every day, beside some that are new. */
export async function letters(vault: TestVault, count: number, from = 0): Promise<Day[]> {
  const content = noise(100 * KIB, from)
  const days: Day[] = []
  for (let day = from; day < from + count; day += 1) {
    content.set(noise(200, day + 100), (day * 7_919) % (90 * KIB))
    vault.write('diary', content)
    vault.write(`letters/${day % 7}/${day}`, `Dear day ${day}`)
    days.push(await backUp(vault))
  }
  return days
}

export async function packsOf(vault: TestVault): Promise<{ whole: number; unpublished: number }> {
  const rows = await packRows(vault)
  const whole = rows.filter(({ extents, kind }) => extents === null && kind !== 'ledger')
  return {
    whole: whole.length,
    unpublished: rows.filter((row) => row.is_published === 0).length,
  }
}

export interface PackRow {
  readonly number: number
  readonly kind: string
  readonly id: Uint8Array
  readonly extents: Uint8Array | null
  readonly is_published: number
}

export function packRows(vault: TestVault): Promise<PackRow[]> {
  return vault.laptop.run(({ openDatabase }) => {
    const database = openDatabase('backupdb')
    const rows = database.prepare('SELECT * FROM packs').all() as unknown as PackRow[]
    database.close()
    return Promise.resolve(rows)
  })
}

export function everyThird(days: readonly Day[]): Day[] {
  return days.filter((_, index) => (days.length - 1 - index) % 3 === 0)
}
