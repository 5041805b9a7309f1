/** Two people who lend and store, as they see it: every peer and command a process of its own. */

import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { noise } from '../support/test-vault.ts'
import { Place, recordOf } from './cairn.ts'

let place: Place
beforeEach(() => {
  place = new Place()
})
afterEach(() => place.remove())

describe('fair use', () => {
  it('shows who holds what for whom, warns above a grant, and says whose a peer is', async () => {
    const ann = await vaultOf('ann')
    const ben = await vaultOf('ben')
    await peer('box', ['--vault', ann, '--floor', '100kB'])
    await peer('nas', ['--vault', ben, '--floor', '100kB', '--code-from', await code('box')])
    await peer('old', ['--code-from', await code('box')])
    for (const home of ['ann', 'ben']) {
      await place.records(['join', '--code-from', await code('box')], { home })
    }

    const few = ['--code', '1-of-3', '--allow-few']
    place.write('hers/letter', noise(300_000))
    place.write('his/letter', noise(20_000, 2))
    const hers = await place.cairn(['backup', place.at('hers'), ...few], { home: 'ann' })
    expect(hers.code).toBe(0)
    expect(hers.stderr).toMatch(
      /nas grants 97\.7 KiB and holds 20\d\.\d KiB more: new data is refused there from/,
    )
    expect(hers.stderr).toContain('"cairn gc" gives their space back')
    await place.records(['backup', place.at('his'), ...few], { home: 'ben' })

    const list = await place.records(['peer', 'list'], { home: 'ann' })
    const named = (name: string) => list.find((row) => row['name'] === name)
    expect(recordOf(list, 'peers')['own_peers']).toBe(1)
    expect(recordOf(list, 'peers')['held_for_others']).toBeGreaterThan(20_000)
    expect(recordOf(list, 'peers')['held_by_others']).toBeGreaterThan(600_000)
    expect(named('box')).toMatchObject({ is_ours: true, verdict: 'yours', vault: ann })
    expect(named('nas')).toMatchObject({ grant: 100_000, vault: ben, verdict: 'new, 0 days' })
    expect(named('nas')?.['over']).toMatchObject({ bytes: expect.any(Number) as number })
    expect(named('nas')?.['held_for_them']).toBeGreaterThan(20_000)
    expect(named('old')).toMatchObject({ verdict: 'lends, and did not say whose it is' })
    expect(named('old')?.['grant']).toBeUndefined()

    const held = await place.records(['peer', 'list', '--store', place.at('nas')])
    expect(recordOf(held, 'lender')['vault']).toBe(ben)
    expect(held.find((row) => row['vault'] === ann)).toMatchObject({
      granted_by: 'floor',
      is_own: false,
    })
    const text = await place.cairn(['peer', 'list', '--store', place.at('nas')])
    expect(text.stdout).toContain('too much: refused from')
  }, 120_000)
})

/** A home with a vault. @returns the vault's id */
async function vaultOf(home: string): Promise<string> {
  await place.records(['init', '--words-to', place.at(`${home}.txt`)], { home })
  return String(recordOf(await place.records(['status'], { home }), 'vault')['vault'])
}

async function peer(name: string, more: readonly string[] = []): Promise<void> {
  const listen = ['--listen', '/ip4/127.0.0.1/tcp/0', '--capacity', '1GB', '--reserve', '0B']
  const args = ['peer', 'run', '--store', place.at(name), '--name', name, ...listen, ...more]
  await place.start([...args, '--json']).said('peer_started')
}

async function code(name: string): Promise<string> {
  const file = place.at(`code-${Math.trunc(performance.now() * 1000)}`)
  const args = ['invite', '--store', place.at(name), '--background', '--yes', '--code-to', file]
  await place.records(args)
  return file
}
