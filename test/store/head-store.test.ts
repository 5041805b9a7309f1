import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { sha256 } from '../../protocol/hash.ts'
import { openReceipt } from '../../protocol/head.ts'
import { peerIdOf, signingKeyFromSeed } from '../../protocol/keys.ts'
import { WrongSignerError } from '../../protocol/signed.ts'
import { FormatError } from '../../protocol/errors.ts'
import { NodeClock } from '../../src/adapters/node-clock.ts'
import { NodeDisk } from '../../src/adapters/node-disk.ts'
import { PinoLog } from '../../src/adapters/pino-log.ts'
import { DiskError } from '../../src/base/errors.ts'
import {
  FIRST_SEQUENCE_MAX,
  HEAD_KEPT_MS,
  HeadStore,
  type HeadStoreOptions,
} from '../../src/store/head-store.ts'
import type { Machine, MachinePorts } from '../../sim/machine.ts'
import { VolumeFile } from '../../sim/volume.ts'
import { World } from '../../sim/world.ts'
import { makeFolder } from '../adapters/folder.ts'
import { seedOf, TestGrid } from '../support/test-grid.ts'

const key = signingKeyFromSeed(seedOf('a peer'))

const maker = new TestGrid({ peers: 1 })
const { vault } = maker
const DAY_MS = 24 * 3600_000

describe('a head store', () => {
  it('answers a head with its receipt, and the same head with the same receipt', async () => {
    await onMachine(async (open) => {
      const store = await open()
      const head = maker.head(1)
      const first = await store.publish(head)
      expect(first.type).toBe('kept')
      const receipt = openReceipt('receipt' in first ? first.receipt : new Uint8Array(0))
      expect(receipt).toMatchObject({ vault, sequence: 1, headId: sha256(head) })
      expect(receipt.peer).toBe(peerIdOf(key.publicKey))
      expect(await store.publish(head)).toEqual(first)
      await store.publish(maker.head(2, { previous: sha256(head) }))
      expect(await store.publish(head), 'an old one too, if it is known').toEqual(first)
    })
  })

  it('goes forward only, and not far at once', async () => {
    await onMachine(async (open) => {
      const store = await open()
      await store.publish(maker.head(10))
      expect(await store.publish(maker.head(9))).toEqual({ type: 'stale-head' })
      expect(await store.publish(maker.head(1011))).toEqual({ type: 'jump' })
      expect((await store.publish(maker.head(1010))).type).toBe('kept')
      expect(sequencesOf(store)).toEqual([1010, 10])
    })
  })

  it('lets a peer follow that was away for long', async () => {
    await onMachine(async (open, machine) => {
      const store = await open()
      await store.publish(maker.head(10))
      await machine.ports.clock.sleep(4.5 * DAY_MS)
      expect(await store.publish(maker.head(5011))).toEqual({ type: 'jump' })
      expect((await store.publish(maker.head(5010))).type).toBe('kept')
    })
  })

  it('starts anywhere, but where room is left', async () => {
    await onMachine(async (open) => {
      const store = await open()
      expect(await store.publish(maker.head(FIRST_SEQUENCE_MAX + 1))).toEqual({ type: 'jump' })
      expect((await store.publish(maker.head(FIRST_SEQUENCE_MAX))).type).toBe('kept')
    })
  })

  it('keeps both heads of a fork, tells of it, and goes on from either', async () => {
    await onMachine(async (open) => {
      const store = await open()
      const one = maker.head(5, { writtenAt: 1 })
      const other = maker.head(5, { writtenAt: 2 })
      expect((await store.publish(one)).type).toBe('kept')
      expect((await store.publish(other)).type).toBe('fork')
      expect(store.heads(vault, { all: false }).map(({ head }) => head)).toEqual([other, one])
      const next = maker.head(6, { previous: sha256(one) })
      expect((await store.publish(next)).type).toBe('kept')
      const cuckoo = maker.head(7, { previous: sha256(one) })
      expect((await store.publish(cuckoo)).type, 'it passes over its elder').toBe('fork')
      expect(sequencesOf(store)).toEqual([7, 6, 5, 5])
    })
  })

  it('knows how a head that a release names stands: kept, unknown, or in doubt by a fork', async () => {
    await onMachine(async (open) => {
      const store = await open()
      const heads = [5, 6, 7].map((sequence) => maker.chained(sequence))
      const standings = () =>
        heads.map((head, index) => store.standing(vault, { sequence: 5 + index, id: sha256(head) }))
      expect(store.newest(vault)).toBeUndefined()
      expect(standings()).toEqual(['unknown', 'unknown', 'unknown'])
      for (const head of heads.slice(0, 2)) await store.publish(head)
      expect(store.newest(vault)?.sequence).toBe(6)
      expect(standings()).toEqual(['kept', 'kept', 'unknown'])
      const wrongSequence = { sequence: 6, id: sha256(heads[0]!) }
      expect(store.standing(vault, wrongSequence)).toBe('unknown')
      await store.publish(maker.head(6, { writtenAt: 99 }))
      expect(standings()).toEqual(['fork', 'fork', 'unknown'])
      await store.publish(heads[2]!)
      expect(standings(), 'after the fork').toEqual(['fork', 'fork', 'kept'])
      await store.publish(maker.head(8))
      expect(standings(), 'passed over').toEqual(['fork', 'fork', 'fork'])
    })
  })

  it('K12: takes nothing of a device that another replaced, after a restart and a power cut too', async () => {
    for (let cutAt = 0; cutAt < 60; cutAt += 1) {
      const isOver = await onMachine(async (open, machine) => {
        const first = await open()
        await first.publish(maker.head(1))
        machine.diskTrouble.onStep = ({ index }) => (index === cutAt ? 'cut' : 'pass')
        let isAcknowledged = false
        const successor = maker.head(2, { previous: sha256(maker.head(1)), epoch: 2 })
        const story = machine.run(async (ports) => {
          const store = await openStore(ports)
          isAcknowledged = (await store.publish(successor)).type === 'kept'
        })
        await story.catch(() => undefined)
        machine.crash('power')
        machine.diskTrouble.onStep = undefined
        machine.boot()
        const again = await open()
        const isKept = sequencesOf(again).includes(2)
        if (isAcknowledged) expect(isKept).toBe(true)
        const revoked = [maker.head(2, { writtenAt: 9 }), maker.head(3), maker.head(900)]
        for (const head of isKept ? revoked : []) {
          expect(await again.publish(head)).toEqual({ type: 'stale-head' })
        }
        return isAcknowledged
      }, cutAt)
      if (isOver) return
    }
    throw new Error('one head takes fewer steps than that')
  })

  it('has room for a new device, however many heads a thief of the old one left', async () => {
    await onMachine(async (_, { ports }) => {
      const store = await openStore(ports, { perVaultMax: 4 })
      const publish = async (sequence: number, more: Parameters<typeof maker.head>[1]) =>
        (await store.publish(maker.head(sequence, more))).type
      for (let writtenAt = 1; writtenAt <= 4; writtenAt += 1) await publish(1, { writtenAt })
      expect(await publish(1, { writtenAt: 5 })).toBe('quota')
      for (let sequence = 2; sequence <= 5; sequence += 1) {
        expect(await publish(sequence, { epoch: 2 })).not.toBe('quota')
      }
      // No more than twice as many, whatever the epochs.
      expect(await publish(6, { epoch: 2 })).toBe('quota')
      expect(await publish(6, { epoch: 3 })).toBe('quota')
      await ports.clock.sleep(HEAD_KEPT_MS + 1)
      expect(await publish(6, { epoch: 3 })).not.toBe('quota')
      expect(sequencesOf(store)).toHaveLength(8)
    })
  })

  it('takes nothing that vault and device did not sign', async () => {
    await onMachine(async (open) => {
      const store = await open()
      const head = maker.head(1)
      const forged = head.slice()
      forged[forged.length - 1]! ^= 1
      await expect(store.publish(forged)).rejects.toThrow(FormatError)
      const resigned = head.slice()
      resigned[10]! ^= 1
      await expect(store.publish(resigned)).rejects.toThrow(WrongSignerError)
      expect(store.heads(vault, { all: true })).toEqual([])
    })
  })

  it('has everything again after a restart, and sets a damaged file aside', async () => {
    await onMachine(async (open, machine) => {
      const store = await open()
      await store.publish(maker.head(1))
      await store.publish(maker.head(2, { previous: sha256(maker.head(1)) }))
      const kept = store.heads(vault, { all: true })
      machine.boot()
      const again = await open()
      expect(again.heads(vault, { all: true })).toMatchObject(kept.map(({ head }) => ({ head })))

      const [first = ''] = await machine.ports.disk.list(`heads/${vault}`)
      const file = machine.volume.node(`heads/${vault}/${first}`)
      if (file instanceof VolumeFile) file.rot(999)
      machine.boot()
      expect(sequencesOf(await open())).toEqual([2])
      expect((await machine.ports.disk.list(`heads/${vault}`))[0]).toBe(`${first}.bad`)
    })
  })

  it('opens whatever else lies beside the heads, and leaves it there', async () => {
    const root = makeFolder()
    const disk = await NodeDisk.open(root)
    const parts = { disk, clock: new NodeClock(), log: new PinoLog({ level: 'silent' }), key }
    const open = () => HeadStore.open(parts)
    await (await open()).publish(maker.head(1))
    const foreign = ['heads/.DS_Store', `heads/${vault}/.DS_Store`, `heads/${vault}/my notes.part`]
    for (const path of foreign) writeFileSync(join(root, path), '')
    mkdirSync(join(root, 'heads', 'lost+found'))
    expect(sequencesOf(await open())).toEqual([1])
    for (const path of foreign) expect(existsSync(join(root, path))).toBe(true)
  })

  it('opens without a head that the disk does not give just now, and has it again later', async () => {
    await onMachine(async (open, machine) => {
      const first = await open()
      await first.publish(maker.head(1))
      await first.publish(maker.head(2, { previous: sha256(maker.head(1)) }))
      let reads = 0
      machine.diskTrouble.onStep = ({ operation }) => {
        if (operation === 'read') reads += 1
        return operation === 'read' && reads === 1 ? new DiskError('input/output error') : 'pass'
      }
      expect(sequencesOf(await open())).toEqual([2])
      machine.diskTrouble.onStep = undefined
      expect(sequencesOf(await open())).toEqual([2, 1])
    })
  })

  it('gives a receipt only for what survives a power cut, at any step', async () => {
    for (let cutAt = 0; cutAt < 100; cutAt += 1) {
      for (const seed of [1, 2, 3, 4]) {
        const isOver = await onMachine(async (open, machine) => {
          machine.diskTrouble.onStep = ({ index }) => (index === cutAt ? 'cut' : 'pass')
          let acknowledged = 0
          const story = machine.run(async (ports) => {
            const store = await openStore(ports)
            for (const head of chain(3)) {
              await store.publish(head)
              acknowledged += 1
            }
          })
          const isWhole = await story.then(
            () => true,
            () => false,
          )
          machine.crash('power')
          machine.diskTrouble.onStep = undefined
          machine.boot()
          const again = await open()
          expect(sequencesOf(again).length).toBeGreaterThanOrEqual(acknowledged)
          for (const head of chain(3)) expect((await again.publish(head)).type).toBe('kept')
          return isWhole
        }, seed)
        if (isOver) return
      }
    }
    throw new Error('three heads take fewer steps than that')
  })

  it('gives no receipt again, after it was killed at any step, for what a power cut may take', async () => {
    const [head] = chain(1) as [Uint8Array]
    for (let killAt = 0; killAt < 100; killAt += 1) {
      for (const seed of [1, 2, 3, 4]) {
        const isOver = await onMachine(async (open, machine, world) => {
          const { life } = machine
          const kill = () => (machine.life === life ? machine.crash('kill') : undefined)
          machine.diskTrouble.onStep = ({ index }) => {
            if (index === killAt) world.scheduler.after(0, kill)
            return 'pass'
          }
          const story = machine.run(async (ports) => (await openStore(ports)).publish(head))
          const isWhole = await story.then(
            () => true,
            () => false,
          )
          machine.diskTrouble.onStep = undefined
          machine.boot()
          expect((await (await open()).publish(head)).type).toBe('kept')
          machine.crash('power')
          machine.boot()
          expect(sequencesOf(await open()), `killed at ${killAt}`).toEqual([1])
          return isWhole
        }, seed)
        if (isOver) return
      }
    }
    throw new Error('one head takes fewer steps than that')
  })
})

function chain(length: number): Uint8Array[] {
  const heads: Uint8Array[] = []
  for (let sequence = 1; sequence <= length; sequence += 1) {
    const previous = heads.at(-1)
    heads.push(maker.head(sequence, previous === undefined ? {} : { previous: sha256(previous) }))
  }
  return heads
}

function sequencesOf(store: HeadStore): number[] {
  const kept = store.heads(vault, { all: true })
  return kept.map(({ receipt }) => openReceipt(receipt).sequence)
}

async function onMachine<T>(
  story: (open: () => Promise<HeadStore>, machine: Machine, world: World) => Promise<T>,
  seed = 1,
): Promise<T> {
  const world = new World(seed)
  const machine = world.addMachine('peer')
  return await world.run(() => story(() => openStore(machine.ports), machine, world))
}

function openStore(
  { disk, clock, log }: MachinePorts,
  options: HeadStoreOptions = {},
): Promise<HeadStore> {
  return HeadStore.open({ disk, clock, log, key }, options)
}
