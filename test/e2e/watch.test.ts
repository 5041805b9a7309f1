/** `cairn watch`, with the compiled program: what is written comes into a snapshot by itself. */

import { mkdirSync, renameSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { HomeLock } from '../../src/adapters/home-lock.ts'
import { Place, type Started } from './cairn.ts'

/** All tests' vaults are in one grid, each in a place of its own. */
const friends = new Place()
beforeAll(() => friends.grid(3))
afterAll(() => friends.remove())

let place: Place

beforeEach(async () => {
  place = new Place()
  await place.joinVault(friends.at('grid', 'invite'))
})

afterEach(() => place.remove())

/** Elsewhere everything is walked every hour, which no test waits for. */
describe.runIf(process.platform === 'linux')('watching', () => {
  it('brings what is written, renamed and removed into snapshots, until it is told to stop', async () => {
    place.write('d/first', 'first')
    const watch = start()
    await watch.said('"idle"')
    place.write('d/sub/second', 'second')
    await snapshot(watch, 2)
    renameSync(place.at('d', 'sub'), place.at('d', 'renamed'))
    await snapshot(watch, 3)
    place.write('d/renamed/third', 'third')
    await snapshot(watch, 4)

    const askedAt = performance.now()
    watch.child.kill('SIGTERM')
    const { code, stderr } = await watch.ended
    expect([code, stderr]).toEqual([0, ''])
    expect(performance.now() - askedAt).toBeLessThan(5_000)
    await place.records(['restore', place.at('d'), '--target', place.at('out')])
    expect(place.differences('d', 'out')).toEqual([])
    const rows = await place.records(['snapshots'])
    expect(rows.filter((row) => row['is_complete'] === true)).toHaveLength(1)
  }, 120_000)

  it('misses nothing where it was killed, for it begins with everything', async () => {
    place.write('d/first', 'first')
    const killed = start()
    await killed.said('"idle"')
    killed.child.kill('SIGKILL')
    await killed.ended
    place.write('d/second', 'second')
    mkdirSync(place.at('d', 'empty'))
    const watch = start()
    await watch.said('"idle"')
    watch.child.kill('SIGINT')
    await watch.ended
    await place.records(['restore', place.at('d'), '--target', place.at('out')])
    expect(place.differences('d', 'out')).toEqual([])
  }, 120_000)

  it('lets other commands work meanwhile', async () => {
    place.write('d/first', 'first')
    const watch = start()
    await watch.said('"idle"')
    const listed = await place.records(['ls', place.at('d')])
    expect(listed.at(-1)).toMatchObject({ path: place.at('d', 'first') })
    watch.child.kill('SIGTERM')
    await watch.ended
  }, 120_000)

  it('begins once another command has ended, or ends while it waits for that', async () => {
    place.write('d/first', 'first')
    const lock = HomeLock.take(place.at('home'), 'write')
    const [early, watch] = [start(), start()]
    await early.said('"waiting"')
    early.child.kill('SIGTERM')
    expect((await early.ended).code).toBe(0)
    await watch.said('"waiting"')
    lock.release()
    await watch.said('"idle"')
    watch.child.kill('SIGTERM')
    expect((await watch.ended).code).toBe(0)
  }, 120_000)

  it('ends at once where there is nothing it could do', async () => {
    const { code } = await place.cairn(['watch', place.at('d')], { home: 'elsewhere' })
    expect(code).toBe(10)
    expect((await place.cairn(['watch', '--full-walk', '90d', place.at('d')])).code).toBe(2)
  })
})

function start(): Started {
  return place.start(['watch', place.at('d'), '--quiet', '1', '--json'])
}

async function snapshot(watch: Started, number: number): Promise<void> {
  await watch.said(`"snapshot_id":"${number}"`)
}
