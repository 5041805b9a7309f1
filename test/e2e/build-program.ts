/** Before end-to-end tests: the program as a package has it, built if any of its sources is newer. */

import { execFileSync } from 'node:child_process'
import { globSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { TestProject } from 'vitest/node'

const SOURCES = ['src/**/*.{ts,mjs,wasm}', 'protocol/**/*.ts', 'scripts/*.mjs', 'package-lock.json']

export default function setup({ config: { root } }: TestProject): void {
  const program = statSync(join(root, 'dist/src/cli/main.js'), { throwIfNoEntry: false })
  const newest = Math.max(
    ...globSync(SOURCES, { cwd: root }).map((path) => statSync(join(root, path)).mtimeMs),
  )
  if (program !== undefined && program.mtimeMs > newest) return
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' })
}
