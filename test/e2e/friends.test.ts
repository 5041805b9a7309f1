/** Friends on computers of their own: every peer, vault and command a process with its own folder. */

import { connect } from 'node:net'
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { decodeInviteCode } from '../../protocol/invite-code.ts'
import { jsonLines, Place, recordOf, type Started } from './cairn.ts'

let place: Place
beforeEach(() => {
  place = new Place()
})
afterEach(() => place.remove())

const TIMEOUT_MS = 120_000

describe('friends', () => {
  it(
    'bring each other in, lose the founder, go on, and one of them moves house',
    async () => {
      const ann = await peer('ann')
      const code = await codeOf('ann', ['--yes'])
      const ben = await peer('ben', ['--code-from', code])
      expect(recordOf(jsonLines(ben.text()), 'join_words')['words']).toHaveLength(6)

      // Ben's own vault comes in through Ben's own peer.
      await place.records(['init', '--words-to', place.at('kit.txt')])
      const own = await codeOf('ben', ['--yes', '--quota', '1GB'])
      const joined = recordOf(await place.records(['join', '--code-from', own]), 'joined')
      expect(joined).toMatchObject({ peers_total: 2, peers_reachable: 2 })

      // N06, as a person meets it: a code works once.
      const second = await place.cairn(['join', '--code-from', own], { home: 'thief' })
      expect(second.code).toBe(10)
      await place.records(['init', '--words-to', place.at('thief.txt')], { home: 'thief' })
      const again = await place.cairn(['join', '--code-from', own], { home: 'thief' })
      expect(again).toMatchObject({ code: 2 })
      expect(again.stderr).toContain('used by somebody else')

      // The founder is gone for good; a third friend comes in through the second.
      ann.child.kill('SIGKILL')
      await ann.ended
      rmSync(place.at('ann'), { recursive: true })
      const cat = await peer('cat', ['--code-from', await codeOf('ben', ['--yes'])])
      await peer('dan', ['--code-from', await codeOf('cat', ['--yes'])])

      place.write('files/letter', 'dear friends')
      const backup = await place.records([
        'backup',
        place.at('files'),
        '--code',
        '1-of-3',
        '--allow-few',
      ])
      expect(recordOf(backup, 'summary')).toMatchObject({ is_published: true })

      // Ben moves: another folder, the same peer, the same shares.
      ben.child.kill('SIGTERM')
      expect((await ben.ended).code).toBe(0)
      place.write('passphrase', 'correct horse battery')
      const sealed = ['--passphrase-from', place.at('passphrase')]
      await place.records([
        'peer',
        'export',
        '--store',
        place.at('ben'),
        '--to',
        place.at('ben.txt'),
        ...sealed,
      ])
      expect(statSync(place.at('ben.txt')).mode & 0o777).toBe(0o600)
      const [imported] = await place.records([
        'peer',
        'import',
        '--from',
        place.at('ben.txt'),
        '--store',
        place.at('moved'),
        ...sealed,
      ])
      cpSync(place.at('ben/shares'), place.at('moved/shares'), { recursive: true })
      rmSync(place.at('ben'), { recursive: true })
      const moved = await peer('moved')
      expect(recordOf(jsonLines(moved.text()), 'peer_started')['peer']).toBe(imported?.['peer'])

      // Cat never met Ben's vault, and is enough to bring it back.
      const address = recordOf(jsonLines(cat.text()), 'peer_started')['addresses'] as string[]
      const words = ['--words-from', place.at('kit.txt')]
      await place.records(['recover', ...words, '--peer', address[0] ?? ''], { home: 'new' })
      await place.records(['restore', place.at('files'), '--target', place.at('back')], {
        home: 'new',
      })
      expect(place.differences('files', 'back')).toEqual([])
    },
    TIMEOUT_MS,
  )

  it(
    'confirm each other by the same six words, and a no ends the invite',
    async () => {
      await peer('ann')
      const shown = async (name: string, answer: string) => {
        const file = place.at(`code-for-${name}`)
        const args = ['invite', '--store', place.at('ann'), '--json', '--code-to', file]
        const inviting = place.start(args, { input: `${answer}\n` })
        await inviting.said('invite_created')
        const coming = place.start(peerArgs(name, ['--code-from', file]))
        const [asked, came] = [await inviting.ended, coming]
        const words = recordOf(jsonLines(asked.stdout), 'invite_used')['words']
        return { asked, came, words }
      }
      const yes = await shown('ben', 'yes')
      await yes.came.said('peer_started')
      expect(yes.asked.code).toBe(0)
      expect(recordOf(jsonLines(yes.asked.stdout), 'invite_ended')).toMatchObject({
        state: 'admitted',
        name: 'ben',
      })
      yes.came.child.kill('SIGTERM')
      const seen = recordOf(jsonLines((await yes.came.ended).stdout), 'join_words')['words']
      expect(seen).toEqual(yes.words)

      const no = await shown('eve', 'no')
      expect(no.asked.code).toBe(1)
      const refused = await no.came.ended
      expect(refused.code).toBe(2)
      expect(jsonLines(refused.stderr).at(-1)).toMatchObject({ name: 'InviteOverError' })
      const listed = await place.records(['invite', '--store', place.at('ann'), '--list'])
      expect(listed.map(({ state }) => state)).toEqual(['refused', 'admitted'])
    },
    TIMEOUT_MS,
  )

  it(
    'go on holiday, leave, and send others away',
    async () => {
      await peer('ann')
      await peer('ben', ['--code-from', await codeOf('ann', ['--yes'])])
      const cat = await peer('cat', ['--code-from', await codeOf('ann', ['--yes'])])
      const store = (name: string) => ['--store', place.at(name)]

      const [away] = await place.records(['peer', 'vacation', '30d', ...store('ben')])
      expect(away).toMatchObject({ message_type: 'vacation', peers_missed: [] })
      expect(away?.['peers_told']).toHaveLength(2)
      await place.records(['peer', 'vacation', '--end', ...store('ben')])

      // Nothing is here for anybody, so nobody need wait.
      const left = await place.records(['peer', 'leave', '--yes', ...store('cat')])
      expect(recordOf(left, 'leave_progress')).toMatchObject({ shares_total: 0, shares_left: 0 })
      expect(recordOf(left, 'peer_left')['peers_told']).toHaveLength(2)
      expect((await cat.ended).code).toBe(0)
      // Whoever left comes back like anybody else, to the same store.
      const again = await peer('cat', ['--code-from', await codeOf('ben', ['--yes'])])
      expect(recordOf(jsonLines(again.text()), 'grid_joined')['grid']).toMatch(/^[0-9a-f]{64}$/)

      const dave = await place.cairn(['peer', 'remove', 'dave', '--yes', ...store('ann')])
      expect(dave).toMatchObject({ code: 2 })
      const unsure = await place.cairn(['peer', 'remove', 'ben', ...store('ann')], {
        input: 'no\n',
      })
      expect(unsure.stderr).toContain('Nothing was changed')
      const removed = await place.records(['peer', 'remove', 'ben', '--yes', ...store('ann')])
      expect(removed).toMatchObject([{ message_type: 'peer_removed', name: 'ben' }])
      const founder = await place.cairn(['peer', 'leave', '--now', '--yes', ...store('ann')])
      expect(founder.code).toBe(0)
    },
    TIMEOUT_MS,
  )
})

describe('a running peer', () => {
  it('that is not there is told as that, and what to do', async () => {
    mkdirSync(place.at('store'))
    const ended = await place.cairn(['invite', '--store', place.at('store')])
    expect(ended).toMatchObject({ code: 2 })
    expect(ended.stderr).toContain('No peer runs in')
    expect(ended.stderr).toContain('cairn peer run')
    expect(existsSync(place.at('store/key'))).toBe(false)
  })

  it('can be asked again after it was killed, and in a folder of a very long name', async () => {
    const name = `a-${'very-'.repeat(20)}long-name`
    const first = await peer(name)
    first.child.kill('SIGKILL')
    await first.ended
    const left = await place.cairn(['invite', '--store', place.at(name)])
    expect(left.stderr).toContain('No peer runs in')
    const second = await peer(name)
    const code = await codeOf(name, ['--yes'])
    expect(decodeInviteCode(readFileSync(code, 'utf8')).addresses).toHaveLength(1)
    second.child.kill('SIGTERM')
    await second.ended
    expect(existsSync(place.at(name, 'control-path'))).toBe(false)
  })

  it('answers its owner only, and survives nonsense on its socket', async () => {
    await peer('ann')
    const path = place.at('ann/control')
    expect(statSync(path).mode & 0o777).toBe(0o600)
    for (const nonsense of [
      '\n',
      '[]\n',
      '{"request":"toString"}\n',
      '{"request":"invite","quota":-1}\n',
      'x'.repeat(70_000),
    ]) {
      expect(await say(path, nonsense)).toContain('error')
    }
    await codeOf('ann', ['--yes'])
  })
})

function peerArgs(name: string, more: readonly string[] = []): string[] {
  const listen = ['--listen', '/ip4/127.0.0.1/tcp/0', '--capacity', '1GB', '--reserve', '0B']
  return [
    'peer',
    'run',
    '--store',
    place.at(name),
    '--name',
    name.slice(0, 20),
    ...listen,
    ...more,
    '--json',
  ]
}

/** A peer that serves. */
async function peer(
  name: string,
  more: readonly string[] = [],
): Promise<Started & { text: () => string }> {
  const started = place.start(peerArgs(name, more))
  let text = ''
  started.child.stdout?.on('data', (part: string) => (text += part))
  await started.said('peer_started')
  return { ...started, text: () => text }
}

/** @returns the file with a code that the peer gave */
async function codeOf(name: string, more: readonly string[]): Promise<string> {
  const file = place.at(`code-${Math.trunc(performance.now() * 1000)}`)
  await place.records([
    'invite',
    '--store',
    place.at(name),
    '--background',
    '--code-to',
    file,
    ...more,
  ])
  return file
}

function say(path: string, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    let answer = ''
    socket.setEncoding('utf8').on('data', (part: string) => (answer += part))
    socket.on('error', reject).on('close', () => resolve(answer))
    socket.end(text)
  })
}
