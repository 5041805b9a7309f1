/**
 * Errors of the tree.
 */

import { FormatError } from '../base/errors.ts'

/** A file's history does not hold together: a version or its base is missing, or bases go round in a circle. */
export class BadHistoryError extends FormatError {
  override readonly name = 'BadHistoryError'
}
