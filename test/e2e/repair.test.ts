import { randomBytes } from 'node:crypto'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { killPeer } from '../../src/cli/grid/peer-process.ts'
import type { PeerStore } from '../../src/cli/grid/peer-store.ts'
import { Place, recordOf } from './cairn.ts'

let place: Place
let stores: PeerStore[]
beforeEach(async () => {
  place = new Place()
  stores = await place.joinedVault(10)
})
afterEach(() => place.remove())

describe('ten peers as processes, three of whom are enough', () => {
  it('lose three, are repaired, lose three more, and everything comes back', async () => {
    place.write('files/film', randomBytes(3_000_000))
    place.write('files/letter', 'dear ada')
    await place.records(['backup', '--code', '3-of-8', place.at('files')])
    const before = recordOf(await place.records(['check']), 'summary')
    expect(before).toMatchObject({ peers_here: 10, packs_lost: 0, shares_missing: 0 })
    expect(before['packs_whole']).toBe(before['packs_total'])

    // Eight of ten hold the film. The fullest go first, so that shares of it are lost with them.
    stores.sort((one, other) => bytesHeld(other) - bytesHeld(one))
    await kill(0, 3)
    const repaired = recordOf(await place.records(['repair']), 'summary')
    expect(repaired).toMatchObject({ peers_here: 7, happiness_min: 7, packs_unsafe: 0 })
    expect(repaired['bytes_sent']).toBeGreaterThan(1_000_000)
    const status = await place.cairn(['status'])
    expect(status.stdout).toMatch(/checked .* thin; \d+ shares missing/)

    await kill(3, 6)
    // Eight of ten cannot be asked for more than they hold: four are left, and three are enough.
    const { code, stdout } = await place.cairn(['repair'])
    expect(stdout).toContain('peers      4 of 10 answer')
    expect(code).toBe(13)
    await place.records(['restore', place.at('files'), '--target', place.at('back')])
    expect(place.differences('files', 'back')).toEqual([])
    const audits = await place.records(['audit', '--count', '3'])
    expect(recordOf(audits, 'summary')).toMatchObject({ peers_failed: 0, peers_away: 6 })
  }, 180_000)
})

async function kill(from: number, until: number): Promise<void> {
  await Promise.all(stores.slice(from, until).map(killPeer))
}

function bytesHeld({ folder }: PeerStore): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
  const sizes = files.map((file) => {
    const { size } = statSync(join(file.parentPath, file.name), { throwIfNoEntry: false }) ?? {
      size: 0,
    }
    return file.isFile() ? size : 0
  })
  return sizes.reduce((sum, size) => sum + size, 0)
}
