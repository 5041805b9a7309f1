import { connect } from 'node:net'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { decodeInvite } from '../../protocol/invite.ts'
import { killPeer, runningPid } from '../../src/cli/grid/peer-process.ts'
import type { PeerStore } from '../../src/cli/grid/peer-store.ts'
import { jsonLines, Place, recordOf } from './cairn.ts'

let place: Place
beforeEach(() => {
  place = new Place()
})
afterEach(() => place.remove())

describe('a local grid', () => {
  it('outlives the command that started it, and ends with `grid stop`', async () => {
    const stores = await place.grid(3)
    for (const store of stores) {
      expect(runningPid(store)).toBeGreaterThan(1)
      expect(await answers(store)).toBe(true)
    }
    expect(decodeInvite(place.read('grid', 'invite').trim()).addresses).toHaveLength(3)

    const [stopped] = await place.records(['grid', 'stop', '--dir', place.at('grid')])
    expect(stopped).toEqual({ message_type: 'grid_stopped', peers_stopped: 3 })
    for (const store of stores) {
      expect(runningPid(store)).toBeUndefined()
      expect(await answers(store)).toBe(false)
    }
  })

  it('comes back at the same addresses, with the same invite and keys', async () => {
    const stores = await place.grid(2)
    const before = stores.map((store) => store.addresses())
    const invite = place.read('grid', 'invite')
    await place.records(['grid', 'stop', '--dir', place.at('grid')])
    const again = await place.grid(2)
    expect(again.map((store) => store.addresses())).toEqual(before)
    expect(place.read('grid', 'invite')).toBe(invite)
  })

  it('in the foreground ends with the interrupt, and its peers with it', async () => {
    const dir = place.at('grid')
    const { child, ended, said } = place.start(['grid', 'local', '--peers', '2', '--dir', dir])
    await said('invite')
    const stores = place.stores('grid', 2)
    for (const store of stores) expect(runningPid(store)).toBeGreaterThan(1)
    child.kill('SIGINT')
    expect(await ended).toMatchObject({ code: 0, signal: null })
    expect(stores.map(runningPid)).toEqual([undefined, undefined])
  })

  it('survives the sudden death of a peer: the others run, and stop is not misled', async () => {
    const stores = await place.grid(2)
    const [first] = stores
    if (first === undefined) throw new Error('no peer')
    await killPeer(first)
    // A process number that somebody else has by now.
    writeFileSync(place.at('grid', 'peer-1', 'pid'), `${process.pid}\n`)
    const [stopped] = await place.records(['grid', 'stop', '--dir', place.at('grid')])
    expect(stopped).toEqual({ message_type: 'grid_stopped', peers_stopped: 1 })
    expect(process.kill(process.pid, 0)).toBe(true)
  })

  it('refuses another number of peers, and a folder that holds no grid', async () => {
    await place.grid(2)
    const other = await place.cairn([
      'grid',
      'local',
      '--detach',
      '--peers',
      '3',
      '--dir',
      place.at('grid'),
    ])
    expect(other).toMatchObject({ code: 2 })
    expect(other.stderr).toContain('a grid of 2 peers, not of 3')
    const none = await place.cairn(['grid', 'stop', '--dir', place.at('nothing here')])
    expect(none).toMatchObject({ code: 10 })
    expect(existsSync(place.at('nothing here'))).toBe(false)
  })
})

describe('a storage peer on its own', () => {
  it('founds a grid at its first run, and keeps its key and grid', async () => {
    const first = await runOnce()
    expect(recordOf(first, 'grid_founded')['grid']).toMatch(/^[0-9a-f]{64}$/)
    expect(existsSync(place.at('store', 'invite'))).toBe(false)

    const second = await runOnce()
    expect(recordOf(second, 'peer_started')['peer']).toBe(recordOf(first, 'peer_started')['peer'])
    expect(second.map((record) => record['message_type'])).toEqual(['peer_started'])
  })

  it('joins a grid with an invite, and the members learn of it', async () => {
    await place.grid(2)
    const options = ['--capacity', '1GB', '--listen', '/ip4/127.0.0.1/tcp/0', '--name', 'newcomer']
    const code = ['--code-from', place.at('grid', 'invite')]
    const args = ['peer', 'run', '--store', place.at('store'), ...options, ...code, '--json']
    const { child, ended, said } = place.start(args)
    await said('peer_started')

    await place.records(['init', '--words-to', place.at('kit.txt')])
    const joined = recordOf(
      await place.records(['join', '--code-from', place.at('grid', 'invite')]),
      'joined',
    )
    expect(joined).toMatchObject({ peers_total: 3, peers_reachable: 3 })
    place.write('files/a', 'a')
    const backup = await place.records(['backup', place.at('files')])
    expect(recordOf(backup, 'summary')).toMatchObject({ is_published: true })

    child.kill('SIGTERM')
    expect(recordOf(jsonLines((await ended).stdout), 'grid_joined')['grid']).toBe(joined['grid'])
  })

  it('has its store to itself', async () => {
    const { child, said } = startPeer()
    await said('peer_started')
    const second = await startPeer().ended
    expect(second.code).toBe(11)
    expect(second.stderr).toContain(place.at('store'))
    child.kill('SIGTERM')
  })

  it.each([
    [['--listen', 'nonsense'], 'nonsense'],
    [['--listen', '/ip4/127.0.0.1/tcp/0', '--capacity', 'much'], 'Expected a size'],
    [['--listen', '/ip4/203.0.113.1/tcp/4280'], '203.0.113.1'],
  ])('explains %j', async (options, explained) => {
    const args = ['peer', 'run', '--store', place.at('store'), '--capacity', '1GB', ...options]
    const ended = await place.cairn(args)
    expect(ended.code).toBe(2)
    expect(ended.stderr).toContain(explained)
    expect(ended.stderr).not.toContain('    at ')
  })

  function startPeer() {
    const options = ['--capacity', '1GB', '--listen', '/ip4/127.0.0.1/tcp/0', '--json']
    return place.start(['peer', 'run', '--store', place.at('store'), ...options])
  }

  async function runOnce() {
    const { child, ended, said } = startPeer()
    await said('peer_started')
    expect(readFileSync(place.at('store', 'pid'), 'utf8')).toMatch(/^\d+\n$/)
    child.kill('SIGTERM')
    const { code, stdout } = await ended
    expect(code).toBe(0)
    expect(existsSync(place.at('store', 'pid'))).toBe(false)
    return jsonLines(stdout)
  }
})

async function answers(store: PeerStore): Promise<boolean> {
  const port = Number(/\/tcp\/(\d+)/.exec(store.listen() ?? '')?.[1])
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}
