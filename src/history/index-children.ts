/**
 * The children of an index page, each with the names that it is responsible for.
 */

import { compare } from '../../protocol/bytes.ts'
import type { Reference } from '../../protocol/reference.ts'
import type { IndexPage } from '../../protocol/tree.ts'
import { FormatError } from '../base/errors.ts'
import type { NameRange } from './past.ts'

/** A page (level 0) or an index page, and its stretch of a folder's names. */
export interface IndexChild extends NameRange {
  readonly level: number
  readonly reference: Reference
}

/**
 * @param range - the names of the index page itself
 * @returns one child after another; the last is checked only when it is asked for
 * @throws {FormatError} when a row tells another story than the index page above
 */
export function* childrenOf(page: IndexPage, range: NameRange): Generator<IndexChild> {
  for (const [index, row] of page.rows.entries()) {
    const upper = page.rows[index + 1]?.lower ?? range.upper
    const isWithin = upper === undefined || compare(row.lower, upper) < 0
    if (!isWithin || compare(range.lower, row.lower) > 0) {
      throw new FormatError('index: bounds disagree with the page above')
    }
    const lower = index === 0 ? range.lower : row.lower
    yield { level: page.level - 1, reference: row.reference, lower, upper }
  }
}
