/** A folder of the real file system for one test. */

import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { onTestFinished } from 'vitest'

/** @returns its absolute path without links; it goes, with all in it, when the test has finished */
export function makeFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'cairn-test-')))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}
