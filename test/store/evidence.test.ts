import { describe, expect, it } from 'vitest'
import { utf8 } from '../../protocol/bytes.ts'
import { Evidence, EVIDENCE_MAX, type EvidenceCase } from '../../src/store/evidence.ts'
import { VolumeFile } from '../../sim/volume.ts'
import { person } from '../protocol/people.ts'
import { onMachine } from '../support/on-machine.ts'

const fork: EvidenceCase = {
  kind: 'fork',
  sequence: 5,
  foundAt: 10,
  heads: [utf8('one head'), utf8('another head')],
  receipts: [utf8('a receipt')],
}
const rollback: EvidenceCase = {
  kind: 'rollback',
  sequence: 9,
  shown: 4,
  peer: person(1).peer,
  foundAt: 20,
  heads: [utf8('an old head')],
  receipts: [utf8('one'), utf8('two')],
}

describe('evidence', () => {
  it('comes back as it was kept, the newest first', async () => {
    await onMachine(async ({ disk }) => {
      const evidence = new Evidence(disk)
      expect(await evidence.all()).toEqual([])
      expect(await evidence.keep(fork)).toBe(true)
      expect(await evidence.keep(rollback)).toBe(true)
      expect(await new Evidence(disk).all()).toMatchObject([rollback, fork])
    })
  })

  it('of the same case is kept once, as it was first found', async () => {
    await onMachine(async ({ disk }) => {
      const evidence = new Evidence(disk)
      await evidence.keep(fork)
      const { heads } = fork
      expect(await evidence.keep({ ...fork, heads: heads.toReversed(), foundAt: 99 })).toBe(false)
      await evidence.keep(rollback)
      expect(await evidence.keep({ ...rollback, shown: 3, foundAt: 99 })).toBe(false)
      expect((await evidence.all()).map(({ foundAt }) => foundAt)).toEqual([20, 10])
    })
  })

  it('is bounded: the oldest makes room', async () => {
    await onMachine(async ({ disk }) => {
      const evidence = new Evidence(disk)
      for (let sequence = 1; sequence <= EVIDENCE_MAX + 3; sequence += 1) {
        await evidence.keep({ ...rollback, sequence, foundAt: sequence })
      }
      const kept = (await evidence.all()).map(({ sequence }) => sequence)
      expect(kept).toHaveLength(EVIDENCE_MAX)
      expect(kept.at(-1)).toBe(4)
    })
  })

  it('that is damaged is as good as none', async () => {
    await onMachine(async ({ disk }, { volume }) => {
      const evidence = new Evidence(disk)
      await evidence.keep(fork)
      const [name = ''] = await disk.list('evidence')
      const node = volume.node(`evidence/${name}`)
      if (node instanceof VolumeFile) node.rot(400)
      expect(await evidence.all()).toEqual([])
    })
  })

  it('is whole after a power cut at any step, or not there', async () => {
    for (let step = 0; step < 40; step += 1) {
      const kept = await onMachine(async (_, machine) => {
        machine.diskTrouble.onStep = ({ index }) => (index === step ? 'cut' : 'pass')
        const work = machine.run(({ disk }) => new Evidence(disk).keep(fork))
        const isWhole = await work.then(
          () => true,
          () => false,
        )
        machine.diskTrouble.onStep = undefined
        machine.crash('power')
        machine.boot()
        const all = await new Evidence(machine.ports.disk).all()
        if (isWhole) expect(all).toHaveLength(1)
        for (const one of all) expect(one).toMatchObject(fork)
        return isWhole
      })
      if (kept) return
    }
    throw new Error('one file takes fewer steps than that')
  })
})
