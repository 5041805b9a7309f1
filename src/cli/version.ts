/** The version of this program: the package's. */

import { readFileSync } from 'node:fs'

/** From src/cli in the checkout, from dist/src/cli in a package. */
const PLACES = ['../../package.json', '../../../package.json']

export function programVersion(): string {
  for (const place of PLACES) {
    try {
      const text = readFileSync(new URL(place, import.meta.url), 'utf8')
      const { version } = JSON.parse(text) as { version?: unknown }
      if (typeof version === 'string') return version
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    }
  }
  return 'unknown'
}
