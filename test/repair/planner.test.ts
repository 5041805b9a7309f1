import { describe, expect, it } from 'vitest'

import { versionId, type Version, type VersionId } from '../../protocol/tree.ts'
import type { Code } from '../../src/grid/code.ts'
import { deltaCode } from '../../src/grid/loss.ts'
import { BadHistoryError } from '../../src/history/errors.ts'
import type { ChainSource } from '../../src/repair/chain.ts'
import { groupOf, planFile, type FilePlan, type PlanInput } from '../../src/repair/planner.ts'
import { REBUILD_POLICY } from '../../src/repair/policy.ts'

const KIB = 1024
const MIB = 1024 ** 2
const CODE = { needed: 4, total: 7 }

describe('a plan', () => {
  it('leaves a chain as it is that is within every bound', () => {
    expect(planOf(chain(1000 * MIB, days(16)))).toMatchObject({
      type: 'leave',
      bytesUp: 0,
      bytesDown: 0,
      bytesFreed: 0,
    })
    expect(planOf(chain(MIB, []))).toMatchObject({
      type: 'leave',
      reason: 'the newest version is whole',
    })
  })

  it('composes the last deltas of a chain that is too long for its bound', () => {
    const plan = planOf(chain(256 * MIB, days(17)))
    expect(plan).toMatchObject({
      type: 'compose',
      before: { length: 17 },
      after: { length: 1 },
      reason: '17 deltas, at most 16',
    })
    // What goes up is what comes down: no more than the deltas that become one.
    expect(plan.bytesUp).toBe(17 * 200 * KIB)
    expect(plan.bytesDown).toBe(plan.bytesUp)
    expect(plan.bytesFreed).toBe(200 * KIB)
  })

  it('lets deltas be that are composed already', () => {
    const composed = [16 * 200 * KIB, 16 * 200 * KIB]
    const plan = planOf(chain(4096 * MIB, [...composed, ...days(15)]))
    expect(plan).toMatchObject({ type: 'compose', after: { length: 3 } })
    expect(plan.bytesUp).toBe(15 * 200 * KIB)
  })

  it('composes them in the end, or a chain of them would be too long', () => {
    const composed = Array.from({ length: 9 }, () => 3200 * KIB)
    const plan = planOf(chain(4096 * MIB, [...composed, ...days(8)]))
    expect(plan.type).toBe('compose')
    expect(plan.after.length).toBeLessThanOrEqual(8)
  })

  it('makes the newest version whole where deltas are much beside the original', () => {
    const plan = planOf(chain(20 * MIB, days(17)))
    expect(plan).toMatchObject({ type: 'reverse', after: { length: 0 } })
    expect(plan.bytesFreed).toBe(20 * MIB + 17 * 200 * KIB)
    // With the file at hand no more comes down than the deltas and the old original's objects.
    expect(plan.bytesDown).toBeLessThanOrEqual(20 * MIB + 17 * 200 * KIB)
  })

  it('keeps the old original where reverse deltas would be as large again', () => {
    const large = Array.from({ length: 17 }, () => 10 * MIB)
    expect(planOf(chain(20 * MIB, large)).type).toBe('original')
  })

  it('never leaves more to store than it found, but for the newest version', () => {
    for (const size of [10 * KIB, MIB, 30 * MIB, 512 * MIB]) {
      for (const count of [17, 40, 128]) {
        const input = chain(size, days(count))
        const { before, after } = planOf(input)
        expect(after.storedSize).toBeLessThanOrEqual(before.storedSize + size + 200 * KIB * count)
        expect(after.length).toBeLessThan(before.length)
        expect(after.fetchSize).toBeLessThanOrEqual(before.fetchSize + 200 * KIB)
      }
    }
  })

  it('shortens whatever it is asked for, if that is possible', () => {
    expect(planOf(chain(256 * MIB, days(2)), { isAsked: true }).type).toBe('compose')
    expect(planOf(chain(256 * MIB, days(1)), { isAsked: true }).type).toBe('leave')
    const unseen = { isAsked: true, shown: new Set([versionId(2, 0)]) }
    expect(planOf(chain(256 * MIB, days(1)), unseen)).toMatchObject({
      reason: 'it rests on an original that no snapshot shows',
    })
  })

  it('shortens a chain that makes loss too likely, whatever its length', () => {
    // Deltas in packs as weak as the original's: two packs are lost twice as often.
    const weak = planOf(chain(256 * MIB, days(3), CODE))
    expect(weak.type).not.toBe('leave')
    expect(weak.reason).toMatch(/^its loss is 4\.0 times as likely/)
    expect(weak.before.loss / weak.before.lossOfOriginal).toBeCloseTo(4, 1)
    // With one share in all, or two, no chain could be within the bound, so it is none.
    const tiny = { needed: 1, total: 2 }
    expect(planOf(chain(256 * MIB, days(3), tiny, tiny), { code: tiny }).type).toBe('leave')
  })

  it('names a history that goes round in a circle, or lacks a version', () => {
    const circle = [delta(1, 2), delta(2, 1)]
    expect(() => planOf(source(circle))).toThrow(BadHistoryError)
    expect(() => planOf(source([delta(2, 2)]))).toThrow(BadHistoryError)
    expect(() => planOf(source([delta(2, 1)]))).toThrow(BadHistoryError)
  })
})

describe('a group', () => {
  it('is all that rests on one original, forwards and backwards', () => {
    const versions = [delta(1, 2), delta(2, 3), original(3), delta(4, 3), original(5), delta(6, 5)]
    expect(groupOf(versions, 3).map(({ id }) => id)).toEqual([1, 2, 3, 4])
    expect(groupOf(versions, 5).map(({ id }) => id)).toEqual([5, 6])
  })
})

/** Sealed sizes of daily deltas. */
function days(count: number): number[] {
  return Array.from({ length: count }, () => 200 * KIB)
}

/** An original with deltas on top, each version in a pack of its own. */
function chain(
  size: number,
  deltas: readonly number[],
  codeOfDeltas = deltaCode(CODE),
  code = CODE,
): ChainSource {
  const versions: Version[] = [original(versionId(1, 0), size)]
  for (const [index, length] of deltas.entries()) {
    versions.push(delta(versionId(index + 2, 0), versionId(index + 1, 0), size, length))
  }
  return source(versions, (pack) => (pack === versionId(1, 0) ? code : codeOfDeltas))
}

function source(
  versions: readonly Version[],
  codeOf: (pack: number) => Code = () => CODE,
): ChainSource {
  return {
    versions,
    referencesOf: ({ content }) => content.parts.references,
    packOf: (number) => ({ id: String(number), ...codeOf(number) }),
  }
}

function planOf(chained: ChainSource, more: Partial<PlanInput> = {}): FilePlan {
  return planFile({
    ...chained,
    newest: chained.versions.at(-1)?.id ?? 0,
    shown: new Set(chained.versions.map(({ id }) => id)),
    policy: REBUILD_POLICY,
    code: CODE,
    isLocal: true,
    isAsked: false,
    ...more,
  })
}

function original(id: VersionId, size = MIB): Version {
  return version(id, size, { type: 'original', parts: parts(id, size) })
}

function delta(id: VersionId, base: VersionId, size = MIB, length = KIB): Version {
  return version(id, size, { type: 'delta', base, parts: parts(id, length) })
}

function version(id: VersionId, size: number, content: Version['content']): Version {
  return { id, size, digest: new Uint8Array(32), label: 'stable', content, extra: [] }
}

function parts(pack: number, length: number) {
  const key = { type: 'raw', secret: new Uint8Array(32) } as const
  return { depth: 0, references: [{ pack, offset: 0, length, key }] }
}
