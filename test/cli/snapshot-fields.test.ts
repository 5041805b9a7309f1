import { describe, expect, it } from 'vitest'
import { snapshotFields, snapshotMarks } from '../../src/cli/snapshot-fields.ts'
import { row } from '../repair/dated-snapshots.ts'

describe('a row of the list of snapshots', () => {
  it.each([
    [{}, []],
    [{ tags: ['a', 'b\u001b'], isPinned: true }, ['#a', '#b\\x1b', 'pinned']],
    [{ isComplete: false }, ['incomplete']],
    [{ isComplete: false, skipped: 3 }, ['incomplete, 3 left out']],
    [{ isComplete: false, isFinished: false }, ['partial']],
    [{ isComplete: false, isFinished: false, skipped: 1 }, ['partial, 1 left out']],
  ])('%# is marked with what it is', (more, marks) => {
    expect(snapshotMarks(row(1, 0, more))).toEqual(marks)
  })

  it('says as JSON whether its backup came to its end', () => {
    expect(snapshotFields(row(1, 0))).toMatchObject({ is_complete: true, is_finished: true })
    const partial = row(1, 0, { isComplete: false, isFinished: false })
    expect(snapshotFields(partial)).toMatchObject({ is_complete: false, is_finished: false })
  })
})
