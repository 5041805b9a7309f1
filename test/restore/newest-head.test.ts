import { describe, expect, it } from 'vitest'
import { utf8 } from '../../protocol/bytes.ts'
import { sha256 } from '../../protocol/hash.ts'
import { openHead, signHead } from '../../protocol/head.ts'
import { deviceIdFromBytes } from '../../protocol/ids.ts'
import { issueCertificate } from '../../protocol/keys.ts'
import { newestHead, type HeadAnswer } from '../../src/restore/newest-head.ts'
import { person, vaultPapers } from '../protocol/people.ts'

const mine = vaultPapers(1)
const { vault } = mine
const peers = [10, 11, 12, 13].map((number) => person(number).peer)

describe('the newest head', () => {
  it('is the highest that anybody shows, and the others are named', () => {
    const [old, newest] = [makeHead(4), makeHead(5)]
    const found = newestHead(answers([old], [old, newest], [], [newest]), vault)
    expect(found).toMatchObject({ bytes: newest, forks: 0, witnesses: [peers[1], peers[3]] })
    expect(found?.stale).toEqual([peers[0], peers[2]])
  })

  it('is nobody’s where nobody has one', () => {
    expect(newestHead([], vault)).toBeUndefined()
    expect(newestHead(answers([], []), vault)).toBeUndefined()
  })

  it('is never another vault’s, nor damaged', () => {
    const foreign = makeHead(9, { papers: vaultPapers(2) })
    const damaged = makeHead(8)
    damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1
    const good = makeHead(3)
    const junk = utf8('no head at all')
    expect(newestHead(answers([foreign, damaged, junk], [good]), vault)?.bytes).toEqual(good)
    expect(newestHead(answers([foreign, junk]), vault)).toBeUndefined()
  })

  it('of two in one place is the one that more peers have, always the same if as many', () => {
    const [one, other] = [makeHead(5, { note: 'one' }), makeHead(5, { note: 'other' })]
    const found = newestHead(answers([one], [other], [other], [makeHead(4)]), vault)
    expect(found).toMatchObject({ bytes: other, forks: 1 })
    expect(found?.stale).toEqual([peers[0], peers[3]])
    const tied = [
      newestHead(answers([one], [other]), vault),
      newestHead(answers([other], [one]), vault),
    ]
    expect(tied[0]?.head.id).toEqual(tied[1]?.head.id)
  })

  it('counts a peer once, however often it shows a head', () => {
    const [one, other] = [makeHead(5, { note: 'one' }), makeHead(5, { note: 'other' })]
    const found = newestHead(answers([one, one, one], [other], [other]), vault)
    expect(found).toMatchObject({ bytes: other, witnesses: [peers[1], peers[2]] })
  })

  it('of a device that another replaced counts no more, however high', () => {
    const stolen = makeHead(500)
    const ours = makeHead(6, { epoch: 2 })
    const found = newestHead(answers([stolen], [ours]), vault)
    expect(found).toMatchObject({ bytes: ours, forks: 0 })
    expect(openHead(ours).epoch).toBe(2)
  })
})

function answers(...shown: readonly Uint8Array[][]): HeadAnswer[] {
  return shown.map((heads, index) => {
    const peer = peers[index]
    if (peer === undefined) throw new Error('there are four peers')
    return { peer, heads: heads.map((head) => ({ head })) }
  })
}

function makeHead(sequence: number, { note = '', epoch = 1, papers = mine } = {}): Uint8Array {
  const { device, keys } = papers
  const id = deviceIdFromBytes(device.key.publicKey)
  return signHead(
    {
      vault: papers.vault,
      certificate: issueCertificate(keys.vaultKey, { device: id, epoch, issuedAt: 1 }),
      device: id,
      sequence,
      previous: sequence === 1 ? null : sha256(utf8('before')),
      root: utf8(`root ${note}`),
      ledger: utf8('ledger'),
      writtenAt: 1,
    },
    device.key,
  )
}
