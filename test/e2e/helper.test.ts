import { readdirSync, statSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { encodeCap } from '../../protocol/cap.ts'
import { awaitPeer, killPeer, spawnPeer } from '../../src/cli/grid/peer-process.ts'
import type { PeerStore } from '../../src/cli/grid/peer-store.ts'
import { vaultPapers } from '../protocol/people.ts'
import { jsonLines, Place, recordOf } from './cairn.ts'

let place: Place
beforeEach(() => {
  place = new Place()
})
afterEach(() => place.remove())

describe('a friend’s box that looks after a backup', () => {
  it('makes missing shares again, keeps its cap to itself, and stops when it is told to', async () => {
    const stores = await place.joinedVault(5)
    const [helper, , , returning, away] = stores as [
      PeerStore,
      PeerStore,
      PeerStore,
      PeerStore,
      PeerStore,
    ]
    for (const store of [returning, away]) await killPeer(store)
    place.write('files/letter', new Uint8Array(300_000).fill(7))
    const backup = recordOf(await place.records(['backup', place.at('files')]), 'summary')
    expect(backup).toMatchObject({ is_published: true })
    await restart(returning)

    const cap = place.at('for-bob.cap')
    expect(recordOf(await place.records(['cap', '--repair', '--to', cap]), 'cap')).toEqual({
      message_type: 'cap',
      type: 'repair',
      file: cap,
    })
    expect(statSync(cap).mode & 0o777).toBe(0o600)
    await killPeer(helper)
    await restart(helper, '--help-repair', cap)

    const report = await firstRound(helper)
    expect(report).toMatchObject({
      outcome: { type: 'helped', sequence: 1, renewed: 4, missed: 1 },
    })
    const { placed, packs } = report['outcome'] as { placed: number; packs: number }
    expect(placed).toBe(packs)
    const [kept] = readdirSync(place.at('grid', 'peer-1', 'help'))
    expect(statSync(place.at('grid', 'peer-1', 'help', kept!)).mode & 0o777).toBe(0o600)

    const status = await place.records(['status'])
    expect(recordOf(status, 'helper')).toMatchObject({ name: 'peer 1', heard_by: 4 })

    // Without the option it still helps; then no more.
    await killPeer(helper)
    await restart(helper)
    const [help] = await helps(helper)
    const stop = ['peer', 'helps', '--store', helper.folder, '--stop', String(help!['vault'])]
    expect(await place.records(stop)).toMatchObject([{ message_type: 'help_stopped' }])
    expect(await helps(helper)).toEqual([])
  })

  it('K07: is not helped by another kind of cap, and says which it needs', async () => {
    const { keys, vault } = vaultPapers(1)
    const file = place.at('read.cap')
    const text = encodeCap({ type: 'read', vault, readSecret: keys.readSecret })
    writeFileSync(file, text)
    const options = ['--capacity', '1GB', '--listen', '/ip4/127.0.0.1/tcp/0', '--help-repair', file]
    const ended = await place.cairn(['peer', 'run', '--store', place.at('store'), ...options])
    expect(ended.code).toBe(2)
    expect(ended.stderr).toContain('a cairn:repair: text is needed')
    expect(ended.stderr).not.toContain(text.slice(13, 40))
  })
})

async function restart(store: PeerStore, ...more: string[]): Promise<void> {
  spawnPeer(store, ['--listen', store.listen() ?? '', '--capacity', '1GB', ...more])
  await awaitPeer(store, new AbortController().signal)
}

/** What the peer did, once it has done something. */
async function firstRound(store: PeerStore): Promise<Record<string, unknown>> {
  for (let tries = 0; tries < 100; tries += 1) {
    const [help] = await helps(store)
    if (help?.['at'] !== undefined) return help
  }
  throw new Error('no round was done')
}

async function helps(store: PeerStore): Promise<Record<string, unknown>[]> {
  const { stdout } = await place.cairn(['peer', 'helps', '--store', store.folder, '--json'])
  return jsonLines(stdout)
}
