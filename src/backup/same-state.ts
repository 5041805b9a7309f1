/** Whether two looks at an open file saw it in the same state, as far as the system tells. */

import type { FileStatus } from '../ports/files.ts'

export function isSameState(before: FileStatus, after: FileStatus): boolean {
  return (
    before.size === after.size &&
    before.mtime.seconds === after.mtime.seconds &&
    before.mtime.nanoseconds === after.mtime.nanoseconds &&
    before.ctime.seconds === after.ctime.seconds &&
    before.ctime.nanoseconds === after.ctime.nanoseconds
  )
}
