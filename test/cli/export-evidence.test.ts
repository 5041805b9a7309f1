import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { utf8 } from '../../protocol/bytes.ts'
import { openHead, openReceipt, signHead, signReceipt } from '../../protocol/head.ts'
import { deviceIdFromBytes } from '../../protocol/ids.ts'
import { UsageError } from '../../src/base/errors.ts'
import { exportEvidence } from '../../src/cli/commands/heads.ts'
import { person, vaultPapers } from '../protocol/people.ts'

const { vault, device, certificate } = vaultPapers(1)
const { peer, key } = person(30)
let folder = ''

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'cairn-evidence-'))
})

afterEach(() => rmSync(folder, { recursive: true }))

describe('exported evidence', () => {
  it('is every document as it was signed, and a text that says what each is', () => {
    const heads = ['one', 'other'].map(makeHead)
    const { id, sequence } = openHead(heads[0]!)
    const receipt = signReceipt({ vault, sequence, headId: id, receivedAt: 0, peer }, key)
    const found = { kind: 'fork', name: 'fork-1-ab', sequence: 1, foundAt: 0 } as const
    const target = join(folder, 'out')
    expect(exportEvidence({ evidence: [{ ...found, heads, receipts: [receipt] }] }, target)).toBe(3)
    expect(readdirSync(target)).toEqual([
      'README.txt',
      'fork-1-ab-1.head',
      'fork-1-ab-2.head',
      'fork-1-ab-3.receipt',
    ])
    const read = (name: string) => new Uint8Array(readFileSync(join(target, name)))
    expect(openHead(read('fork-1-ab-2.head')).id).toEqual(openHead(heads[1]!).id)
    expect(openReceipt(read('fork-1-ab-3.receipt')).peer).toBe(peer)
    const text = readFileSync(join(target, 'README.txt'), 'utf8')
    expect(text).toMatch(/fork-1-ab-1.head: head 1 \w{64} of vault/)
    expect(text).toMatch(/fork-1-ab-3.receipt: 12D3Koo\w+ received head 1 .* at 1970-01-01T00:00/)
    expect(statSync(target).mode & 0o777).toBe(0o700)
    // Nothing is written over.
    expect(() => exportEvidence({ evidence: [] }, target)).toThrow(UsageError)
  })
})

function makeHead(root: string): Uint8Array {
  const by = deviceIdFromBytes(device.key.publicKey)
  const place = { vault, certificate, device: by, sequence: 1, previous: null, writtenAt: 1 }
  return signHead({ ...place, root: utf8(root), ledger: utf8('ledger') }, device.key)
}
