/** The README's five-minute tour, as a person would type it. */

import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, readFileSync, rmSync, statSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { LAUNCHER, Place, recordOf } from './cairn.ts'

const place = new Place()
beforeAll(() => {
  place.write('Documents/big.db', randomBytes(3_000_000))
  place.write('Documents/letters/first.txt', 'Dear friend\n')
})
afterAll(() => place.remove())

/** One story: each step stands on the ones before. */
describe('the tour', () => {
  const documents = place.at('Documents')

  it('starts peers, makes a vault and joins', async () => {
    await place.grid(7)
    await expectSaid(['init', '--words-to', place.at('kit.txt')], '')
    expect(statSync(place.at('kit.txt')).mode & 0o777).toBe(0o600)
    await expectSaid(['join', '--code-from', place.at('grid/invite')], 'up')
  })

  it('backs up, twice', async () => {
    await expectSaid(['backup', documents], 'snapshot 1 saved')
    appendFileSync(place.at('Documents/big.db'), 'one more row')
    rmSync(place.at('Documents/letters/first.txt'))
    await expectSaid(['backup', '--tag', 'after', documents], 'snapshot 2 saved')
  })

  it('lists snapshots, files and versions', async () => {
    const listed = await expectSaid(['snapshots'], '#after')
    expect(listed.trim().split('\n')).toHaveLength(3)
    await expectSaid(['ls', '--at', '1', '-r', documents], 'letters/first.txt')
    expect(await expectSaid(['ls', '-r', documents], 'big.db')).not.toContain('first.txt')
    const history = await expectSaid(['history', place.at('Documents/big.db')], 'original')
    expect(history).toContain('delta on v1')
    await expectSaid(['history', place.at('Documents/letters/first.txt')], 'snapshot 1')
    await expectSaid(['status'], 'peer 7')
  })

  it('restores what was there, and a single file', async () => {
    await expectSaid(
      ['restore', '--at', '1', documents, '--target', place.at('out')],
      'restored 2 files,',
    )
    const back = readFileSync(
      join(place.at('out'), place.at('Documents/letters/first.txt')),
      'utf8',
    )
    expect(back).toBe('Dear friend\n')
    const one = ['restore', place.at('Documents/big.db'), '--target', place.at('one')]
    await expectSaid(one, 'restored 1 file,')
  })

  it('shortens a chain, forgets what is old, and asks for the space', async () => {
    for (const row of ['a third row', 'a fourth', 'a fifth']) {
      appendFileSync(place.at('Documents/big.db'), row)
      await expectSaid(['backup', documents], 'saved')
    }
    const database = place.at('Documents/big.db')
    const planned = await place.records(['rebuild', '--dry-run', database])
    expect(recordOf(planned, 'rebuild_plan')).toMatchObject({ plan: 'compose' })
    await expectSaid(['rebuild', database], '1 file rebuilt')
    await expectSaid(['history', database], 'chain     1 delta')
    await expectSaid(['forget', '--keep-last', '2', '--dry-run'], '2 snapshots would be kept')
    await expectSaid(['forget', '--keep-last', '2'], '2 snapshots kept, 3 snapshots removed')
    await expectSaid(['gc'], 'released')
    await expectSaid(['gc', '--cancel'], 'cancelled')
    expect((await expectSaid(['snapshots'], documents)).trim().split('\n')).toHaveLength(3)
    const { code } = await place.cairn(['forget', '--keep-tag', 'none such'])
    expect(code).toBe(15)
    await expectSaid(['restore', documents, '--target', place.at('after')], 'restored 1 file,')
    expect(place.differences('Documents', 'after')).toEqual([])
  })

  it('recovers on another computer, by invite and by one address', async () => {
    const words = ['--words-from', place.at('kit.txt')]
    const byInvite = await place.cairn(
      ['recover', ...words, '--code-from', place.at('grid/invite')],
      { home: 'by invite' },
    )
    expect(byInvite.stdout).toContain('recovered 2 snapshots')
    const address = place.stores('grid', 7)[4]?.addresses()[0] ?? ''
    const byPeer = await place.records(['recover', ...words, '--peer', address], {
      home: 'by peer',
    })
    expect(recordOf(byPeer, 'recovered')).toMatchObject({ snapshots: 2, peers_answered: 7 })

    const target = place.at('recovered')
    await place.records(['restore', documents, '--target', target], { home: 'by peer' })
    expect(place.differences('Documents', 'recovered')).toEqual([])
    // And goes on with the backups there, reading nothing that did not change.
    const next = await place.records(['backup', documents], { home: 'by peer' })
    expect(recordOf(next, 'summary')).toMatchObject({ is_published: true, bytes_read: 0 })
  })

  it('starts on the Node that npm was run with, however old', () => {
    const version = execFileSync(oldNode(), [LAUNCHER, '--version'], { encoding: 'utf8' })
    expect(version).toMatch(/^cairn \d+\.\d+\.\d+\n$/)
  })

  async function expectSaid(args: readonly string[], wanted: string): Promise<string> {
    const { code, stdout, stderr } = await place.cairn(args)
    expect({ code, stderr }).toMatchObject({ code: 0 })
    expect(stderr).not.toMatch(/ {4}at /)
    expect(stdout).toContain(wanted)
    return stdout
  }
})

/** The Node beside npm, older perhaps than ours. */
function oldNode(): string {
  const path = (process.env['PATH'] ?? '')
    .split(':')
    .filter((folder) => !folder.includes('node_modules'))
    .join(':')
  const { stdout } = spawnSync('sh', ['-c', 'command -v node'], {
    env: { ...process.env, PATH: path },
    encoding: 'utf8',
  })
  return stdout.trim() || process.execPath
}
