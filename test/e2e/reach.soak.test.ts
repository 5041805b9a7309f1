/**
 * Reach, with real processes: homes behind routers that translate addresses, as network namespaces.
 */

import type { ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

import { labMissing, NetLab } from '../../bench/relay/net-lab.ts'
import { Place } from './cairn.ts'
import { LabPlace } from './net-lab-place.ts'

const FAKE_ROUTER = fileURLToPath(new URL('fake-router.ts', import.meta.url))

const missing = labMissing()
if (missing !== undefined) process.stderr.write(`reach is not tested here: ${missing}\n`)

/** Nothing in the way but routers: what a home's network offers beside them has tests of its own. */
const PLAIN = ['--no-upnp', '--no-mdns']

describe.skipIf(missing !== undefined)('friends behind routers', { timeout: 240_000 }, () => {
  let lab: NetLab
  let place: Place
  let net: LabPlace

  beforeEach(() => {
    lab = new NetLab()
    place = new Place()
    net = new LabPlace(lab, place)
  })

  afterEach(async () => {
    await lab.close()
    await place.remove()
  })

  it('N03: back up and restore through a friend who can be dialled, and through another when that one is gone', async () => {
    const [anna, ben] = [lab.host(), lab.host()]
    const [cara, dan, laptop] = [lab.home().machine(), lab.home().machine(), lab.home().machine()]
    const first = await net.peer('anna', anna, ...PLAIN)
    await net.friend('ben', ben, first, ...PLAIN)
    await Promise.all([
      net.friend('cara', cara, first, ...PLAIN),
      net.friend('dan', dan, first, ...PLAIN),
    ])

    await net.vault(laptop, 'home', first)
    const before = await net.found(laptop, 'home', (peers) =>
      ['cara', 'dan'].every((name) => peers.get(name)?.link?.way === 'relay'),
    )
    expect(before.get('anna')?.link?.way).toBe('ip4')
    expect(before.get('cara')).toMatchObject({ verdict: 'closed' })
    expect(before.get('cara')?.relays.length).toBeGreaterThan(0)

    place.write('files/large', randomBytes(8_000_000))
    place.write('files/small', 'a few words')
    const summary = (await net.records(laptop, 'home', ['backup', place.at('files')])).at(-1)
    expect(summary).toMatchObject({ is_published: true })

    first.child.kill('SIGKILL')
    await net.found(laptop, 'home', (peers) =>
      ['cara', 'dan'].every((name) => {
        const link = peers.get(name)?.link
        return link?.way === 'relay' && link.relay === before.get('ben')?.peer
      }),
    )
    await net.records(laptop, 'home', ['restore', place.at('files'), '--target', place.at('out')])
    expect(place.differences('files', 'out')).toEqual([])
  })

  it('are reached at the port that their router was asked for, and it is given back', async () => {
    const [anna, home, laptop] = [lab.host(), lab.home(), lab.host()]
    const router = home.router.start([
      process.execPath,
      '--disable-warning=ExperimentalWarning',
      FAKE_ROUTER,
      home.lanAddress,
      home.router.address,
      '4280',
    ])
    await said(router, 'ready')
    const first = await net.peer('anna', anna, ...PLAIN)
    const [cara] = await Promise.all([
      net.friend('cara', home.machine(), first, '--no-mdns', '--no-relay'),
      said(router, 'mapped 4281'),
    ])
    await net.vault(laptop, 'home', first)
    const found = await net.found(
      laptop,
      'home',
      (peers) => peers.get('cara')?.link !== undefined && peers.get('cara')?.verdict === 'open',
    )
    expect(found.get('cara')?.link).toMatchObject({ way: 'ip4' })
    expect(found.get('cara')?.link?.address).toContain(`/ip4/${home.router.address}/tcp/4281/`)
    cara.child.kill('SIGTERM')
    await said(router, 'unmapped 4281')
  })

  it('N03: are found where they moved to, and where there is IPv6 only', async () => {
    const [anna, ben, six, laptop] = [
      lab.host(),
      lab.host(),
      lab.host({ isIp6Only: true }),
      lab.host(),
    ]
    const both = ['--listen', '/ip4/0.0.0.0/tcp/4280', '--listen', '/ip6/::/tcp/4280']
    const first = await net.peer('anna', anna, ...PLAIN, ...both)
    await Promise.all([
      net.friend('ben', ben, first, ...PLAIN),
      net.friend('six', six, first, ...PLAIN, '--listen', '/ip6/::/tcp/4280'),
    ])
    await net.vault(laptop, 'home', first)
    place.write('files/large', randomBytes(4_000_000))
    await net.records(laptop, 'home', ['backup', place.at('files')])
    ben.move()
    const found = await net.found(laptop, 'home', (peers) =>
      ['ben', 'six'].every((name) => peers.get(name)?.link?.way.startsWith('ip')),
    )
    expect(found.get('six')?.link?.way).toBe('ip6')
    expect(found.get('ben')?.link?.address).toContain(`/ip4/${ben.address}/`)
    await net.records(laptop, 'home', ['restore', place.at('files'), '--target', place.at('out')])
    expect(place.differences('files', 'out')).toEqual([])
  })

  it('are told in words by the doctor that nobody leads them to each other', async () => {
    const [anna, laptop] = [lab.host(), lab.host()]
    const first = await net.peer('anna', anna, ...PLAIN, '--no-relay')
    await Promise.all([
      net.friend('cara', lab.home().machine(), first, ...PLAIN),
      net.friend('dan', lab.home().machine(), first, ...PLAIN),
    ])
    await net.vault(laptop, 'home', first)
    const { code: status, stdout } = await net.cairn(laptop, 'home', ['doctor'])
    expect(status).toBe(3)
    expect(stdout).toContain('is up, anna is connected with it, and nothing leads to it from here')
    expect(stdout).toContain('forward TCP port 4280')
    const { stdout: own } = await net.cairn(anna, 'home', ['doctor', '--store', place.at('anna')])
    expect(own).toContain('cannot dial cara, and nobody leads to it')
  })
})

describe.skipIf(missing !== undefined)('friends in one home', { timeout: 240_000 }, () => {
  it('find each other though what the roster says is out of date', async () => {
    const lab = new NetLab()
    const place = new Place()
    const net = new LabPlace(lab, place)
    try {
      const home = lab.home()
      const [box, laptop] = [home.machine(), home.machine()]
      const first = await net.peer('box', box, '--no-upnp')
      await net.vault(laptop, 'home', first)
      first.child.kill('SIGTERM')
      await new Promise((resolve) => first.child.once('close', resolve))
      home.renumber(box)
      await net.peer('box', box, '--no-upnp')
      const found = await net.found(laptop, 'home', (peers) => peers.get('box')?.link !== undefined)
      expect(found.get('box')?.link).toMatchObject({ way: 'local' })
      expect(found.get('box')?.link?.address).toContain(`/ip4/${box.address}/`)
    } finally {
      await lab.close()
      await place.remove()
    }
  })
})

/** Resolves once the process has printed this. */
async function said(child: ChildProcess, word: string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.stdout?.setEncoding('utf8').on('data', (part: string) => part.includes(word) && resolve())
    child.on('close', () => reject(new Error(`it never said ${word}`)))
  })
}
