import { spawn } from 'node:child_process'
import { createECDH, randomBytes } from 'node:crypto'
import { existsSync, realpathSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { lookup } from 'node:dns/promises'
import { request } from 'node:http'
import { connect, Socket } from 'node:net'
import { uptime } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { zstdCompress } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { makeFolder } from '../adapters/folder.ts'
import { LockedError, PeerUnreachableError, StreamResetError } from '../../src/base/errors.ts'
import type { ByteStream, Network } from '../../src/ports/network.ts'
import { MachineCrashed, PoisonError } from '../../sim/errors.ts'
import type { Machine } from '../../sim/machine.ts'
import { outside } from '../../sim/poison.ts'
import { World } from '../../sim/world.ts'

const MINUTE_MS = 60_000

describe('a world', () => {
  it('tells the same story for the same seed, and another one for another', async () => {
    const tell = async (seed: number): Promise<string> => {
      const world = new World(seed)
      await world.run(async () => {
        const { dial } = await makePair(world)
        const streams = await Promise.all([dial(), dial(), dial()])
        await Promise.all(
          streams.map(async (stream, index) => {
            await stream.write(new Uint8Array(200_000 * (index + 1)))
            await stream.end()
            await collect(stream)
          }),
        )
        const file = await world.machines.get('bob')?.ports.disk.create('a')
        await file?.append(world.random.bytes(100))
        world.machines.get('bob')?.crash('power')
      })
      return world.trace.digest()
    }
    expect(await tell(7)).toBe(await tell(7))
    expect(await tell(7)).not.toBe(await tell(8))
  })

  it('shuts out real time, chance, files, network, processes and threads, and lets them in again', async () => {
    const file = join(makeFolder(), 'database')
    const reach: (() => unknown)[] = [
      () => Date.now(),
      () => Math.random(),
      () => setTimeout(() => undefined, 1),
      () => AbortSignal.timeout(1),
      () => randomBytes(4),
      () => crypto.getRandomValues(new Uint8Array(4)),
      () => crypto.subtle.digest('SHA-256', new Uint8Array(4)),
      () => performance.now(),
      () => new Date(),
      () => Date(),
      () => existsSync('/'),
      () => readFile('/etc/hostname'),
      () => connect(9),
      () => new Socket().connect(9),
      () => lookup('localhost'),
      () => request('http://localhost'),
      () => spawn('true'),
      () => new Worker('', { eval: true }),
      () => zstdCompress('', () => undefined),
      () => process.hrtime.bigint(),
      () => realpathSync.native('/'),
      () => new DatabaseSync(file).exec('SELECT 1'),
      () => crypto.subtle.exportKey('raw', {} as CryptoKey),
      () => createECDH('prime256v1').generateKeys(),
      () => uptime(),
      () => new MessageChannel(),
    ]
    for (const one of reach) {
      const world = new World(1)
      const run = world.run(async () => {
        try {
          await one()
        } catch {
          // Whoever swallows it is found out all the same.
        }
      })
      await expect(run).rejects.toThrow(PoisonError)
    }
    expect(Date.now()).toBeGreaterThan(0)
    expect(new Date().getTime()).toBeGreaterThan(0)
    expect(existsSync('/')).toBe(true)
    expect(randomBytes(4)).toHaveLength(4)
    expect(await crypto.subtle.digest('SHA-256', new Uint8Array(4))).toBeDefined()
  })
})

it('what a story does outside of its world is no poison, and nobody else may do it', async () => {
  await new World(1).run(async () => {
    expect(outside(() => existsSync('/'))).toBe(true)
    expect(outside(() => new Date().getFullYear())).toBeGreaterThan(2000)
  })
  const run = new World(1).run(async () => {
    outside(() => undefined)
    existsSync('/')
  })
  await expect(run).rejects.toThrow(PoisonError)
})

describe('a machine', () => {
  it('takes its programs with it when it crashes: nothing of them runs on', async () => {
    const world = new World(2)
    const machine = world.addMachine('machine')
    const done: string[] = []
    await world.run(async () => {
      const program = machine.run(async ({ clock, disk, random }) => {
        try {
          await clock.sleep(1000)
          await disk.create('a')
          await clock.sleep(1000)
          random.bytes(1)
          done.push('more')
        } catch {
          done.push('caught')
        } finally {
          done.push('finally')
        }
      })
      await world.scheduler.sleep(1500)
      machine.crash('power')
      await expect(program).rejects.toThrow(MachineCrashed)
      await world.scheduler.sleep(MINUTE_MS)
    })
    expect(done).toEqual([])
  })

  it('finds committed rows after a crash, without the open transaction', async () => {
    const world = new World(3)
    const machine = world.addMachine('machine')
    await world.run(async () => {
      const program = machine.run(async ({ clock, openDatabase }) => {
        const database = openDatabase('client')
        database.exec('CREATE TABLE t (x); INSERT INTO t VALUES (1)')
        database.exec('BEGIN; INSERT INTO t VALUES (2)')
        await clock.sleep(1e9)
      })
      await world.scheduler.sleep(1)
      machine.crash('power')
      await expect(program).rejects.toThrow(MachineCrashed)
      machine.boot()
      const database = machine.ports.openDatabase('client')
      expect(database.prepare('SELECT x FROM t').all()).toEqual([{ x: 1 }])
      expect(() => machine.ports.openDatabase('client')).toThrow(LockedError)
      database.close()
      machine.ports.openDatabase('client').close()
    })
  })

  it('falls back to an earlier picture, or to nothing, where its owner wants that', async () => {
    const outcomes = new Set<string>()
    for (let seed = 0; seed < 40; seed++) {
      const world = new World(seed)
      const machine = world.addMachine('machine')
      machine.databases.faults = { losesCommits: 0.4, losesAll: 0.3, damages: 0 }
      await world.run(async () => {
        const database = machine.ports.openDatabase('client')
        database.exec('CREATE TABLE t (x)')
        machine.databases.picture()
        database.exec('INSERT INTO t VALUES (1)')
        machine.crash('power')
        machine.boot()
        const after = machine.ports.openDatabase('client')
        const tables = after.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()
        const rows = tables.length === 0 ? [] : after.prepare('SELECT x FROM t').all()
        outcomes.add(`${tables.length} table, ${rows.length} rows`)
      })
    }
    expect([...outcomes].toSorted()).toEqual([
      '0 table, 0 rows',
      '1 table, 0 rows',
      '1 table, 1 rows',
    ])
  })

  it('has a clock of its own, which may be wrong', async () => {
    const world = new World(4)
    const right = world.addMachine('right').ports.clock
    const wrong = world.addMachine('wrong', { clock: { offset: -5000, rate: 1.5 } }).ports.clock
    await world.run(async () => {
      expect(right.now() - wrong.now()).toBe(5000)
      await right.sleep(10_000)
      expect(wrong.now() - right.now()).toBeGreaterThanOrEqual(-1)
      const before = wrong.monotonic()
      wrong.jump(-1e9)
      expect(wrong.monotonic()).toBe(before)
      expect(wrong.now()).toBeLessThan(right.now())
    })
  })
})

describe('the internet between machines', () => {
  it('holds bytes back while it is split, and delivers them once it heals', async () => {
    const world = new World(5)
    await world.run(async () => {
      const { dial } = await makePair(world)
      const stream = await dial()
      world.internet.split(['bob'])
      let answer: number | undefined
      const exchanging = (async () => {
        await stream.write(new Uint8Array(1000))
        await stream.end()
        answer = await collect(stream)
      })()
      await world.scheduler.sleep(10_000)
      expect(answer).toBeUndefined()
      world.internet.heal()
      await exchanging
      expect(answer).toBe(1000)
    })
  })

  it('breaks connections that stay silent too long, at both ends', async () => {
    const world = new World(6)
    await world.run(async () => {
      const { dial, served } = await makePair(world)
      const stream = await dial()
      world.internet.split(['alice'])
      await stream.write(new Uint8Array(1000))
      await expect(collect(stream)).rejects.toThrow(StreamResetError)
      await expect(dial()).rejects.toThrow(PeerUnreachableError)
      await world.scheduler.sleep(3 * MINUTE_MS)
      expect(served.failures).toBe(1)
      world.internet.heal()
      expect(await exchange(await dial(), 10)).toBe(10)
    })
  })

  it('lets bytes through one way only, if asked', async () => {
    const world = new World(7)
    await world.run(async () => {
      const { dial, served } = await makePair(world)
      const stream = await dial()
      world.internet.block('bob', 'alice')
      await stream.write(new Uint8Array(1000))
      await stream.end()
      await world.scheduler.sleep(5000)
      expect(served.sizes).toEqual([1000])
      await expect(collect(stream)).rejects.toThrow(StreamResetError)
    })
  })

  it('tells the others of a killed program at once, of a power cut only in time', async () => {
    for (const [kind, ms] of [
      ['kill', 1000],
      ['power', 3 * MINUTE_MS],
    ] as const) {
      const world = new World(8)
      await world.run(async () => {
        const { bob, dial } = await makePair(world)
        const stream = await dial()
        bob.crash(kind)
        const before = world.scheduler.elapsed
        await expect(collect(stream)).rejects.toThrow(StreamResetError)
        const passed = world.scheduler.elapsed - before
        expect(passed).toBeLessThan(ms)
        if (kind === 'power') expect(passed).toBeGreaterThan(10_000)
        await expect(dial()).rejects.toThrow(PeerUnreachableError)
      })
    }
  })

  it('lets a machine that came back reset the connections it forgot', async () => {
    const world = new World(9)
    await world.run(async () => {
      const { bob, dial } = await makePair(world)
      const stream = await dial()
      bob.crash('power')
      bob.boot()
      const before = world.scheduler.elapsed
      await expect(collect(stream)).rejects.toThrow(StreamResetError)
      expect(world.scheduler.elapsed - before).toBeLessThan(1000)
    })
  })

  it('takes its time: bytes over the rate of the slower line', async () => {
    const world = new World(10)
    await world.run(async () => {
      const { dial } = await makePair(world)
      world.internet.line('alice').upload = 100_000
      const stream = await dial()
      const before = world.scheduler.elapsed
      expect(await exchange(stream, 1_000_000)).toBe(1_000_000)
      const passed = world.scheduler.elapsed - before
      expect(passed).toBeGreaterThan(9_900)
      expect(passed).toBeLessThan(11_000)
    })
  })

  it('keeps nobody waiting for what a slow sender has in line', async () => {
    const world = new World(12)
    await world.run(async () => {
      const to = await networkOf(world.addMachine('alice'))
      to.gate(() => true)
      await to.serve('/echo', async (stream) => {
        await stream.write(new Uint8Array(await collect(stream)))
        await stream.end()
      })
      const dial = async (name: string): Promise<ByteStream> => {
        const from = await networkOf(world.addMachine(name))
        return await from.dial(to.self, '/echo', to.addresses(), never())
      }
      const [slow, fast] = [await dial('slow'), await dial('fast')]
      world.internet.line('slow').upload = 10_000
      const slowly = exchange(slow, 200_000)
      await world.scheduler.sleep(100)
      const before = world.scheduler.elapsed
      await exchange(fast, 100_000)
      expect(world.scheduler.elapsed - before).toBeLessThan(1000)
      await slowly
      expect(world.scheduler.elapsed - before).toBeGreaterThan(19_000)
    })
  })

  it('forgets what has not left when a machine goes down', async () => {
    for (const kind of ['power', 'kill'] as const) {
      const world = new World(13)
      await world.run(async () => {
        const { alice, dial } = await makePair(world)
        world.internet.line('alice').upload = 10_000
        const stream = await dial()
        void stream.write(new Uint8Array(200_000)).catch(() => undefined)
        await world.scheduler.sleep(1000)
        alice.crash(kind)
        alice.boot()
        const before = world.scheduler.elapsed
        let left = Infinity
        world.internet.carry('alice', 'bob', 1000, () => {
          left = world.scheduler.elapsed - before
        })
        await world.scheduler.sleep(30_000)
        expect(left).toBe(0)
      })
    }
  })

  it('stops a writer at one window of bytes when nobody reads', async () => {
    const world = new World(11)
    await world.run(async () => {
      const alice = world.addMachine('alice')
      const bob = world.addMachine('bob')
      const [from, to] = [await networkOf(alice), await networkOf(bob)]
      to.gate(() => true)
      await to.serve('/silent', () => new Promise(() => undefined))
      const stream = await from.dial(to.self, '/silent', to.addresses(), never())
      let written = 0
      void (async () => {
        for (;;) {
          await stream.write(new Uint8Array(10_000))
          written += 10_000
        }
      })()
      await world.scheduler.sleep(MINUTE_MS)
      expect(written).toBeGreaterThan(200_000)
      expect(written).toBeLessThanOrEqual(256 * 1024)
    })
  })
})

interface Served {
  readonly sizes: number[]
  failures: number
}

/** Bob answers each stream with as many bytes as he got. */
async function makePair(world: World): Promise<{
  alice: Machine
  bob: Machine
  dial: () => Promise<ByteStream>
  served: Served
}> {
  const alice = world.addMachine('alice')
  const bob = world.addMachine('bob')
  const [from, to] = [await networkOf(alice), await networkOf(bob)]
  const served: Served = { sizes: [], failures: 0 }
  to.gate((peer) => peer === from.self)
  await to.serve('/echo', async (stream) => {
    try {
      const size = await collect(stream)
      served.sizes.push(size)
      await stream.write(new Uint8Array(size))
      await stream.end()
    } catch {
      served.failures++
    }
  })
  return {
    alice,
    bob,
    served,
    dial: () => from.dial(to.self, '/echo', to.addresses(), never()),
  }
}

function networkOf(machine: Machine): Promise<Network> {
  return machine.ports.network(machine.ports.random.bytes(32))
}

async function exchange(stream: ByteStream, size: number): Promise<number> {
  await stream.write(new Uint8Array(size))
  await stream.end()
  return await collect(stream)
}

async function collect(stream: ByteStream): Promise<number> {
  let size = 0
  for await (const chunk of stream.source) size += chunk.length
  return size
}

const never = (): AbortSignal => new AbortController().signal
