/** `--include` and `--exclude`: which of the files under a path are meant. */

import type { Command } from 'commander'
import type { Patterns } from '../restore/wanted.ts'
import { PathPattern } from '../source/path-pattern.ts'
import { collect } from './options.ts'
import { typedPattern } from './typed-bytes.ts'

export interface PatternOptions {
  readonly include: readonly string[]
  readonly iinclude: readonly string[]
  readonly exclude: readonly string[]
  readonly iexclude: readonly string[]
}

export function patternOptions(command: Command): Command {
  return command
    .option('--include <pattern>', 'only what it means: *.txt, /home/*/notes, a/**/b', collect, [])
    .option('--iinclude <pattern>', 'as --include; upper and lower case are one', collect, [])
    .option('--exclude <pattern>', 'all but what it means', collect, [])
    .option('--iexclude <pattern>', 'as --exclude; upper and lower case are one', collect, [])
}

/** @throws {BadPatternError} */
export function patternsOf(options: PatternOptions): Patterns {
  const patterns = (exact: readonly string[], loose: readonly string[]) => [
    ...exact.map((text) => new PathPattern(typedPattern(text))),
    ...loose.map((text) => new PathPattern(typedPattern(text), { ignoreCase: true })),
  ]
  return {
    include: patterns(options.include, options.iinclude),
    exclude: patterns(options.exclude, options.iexclude),
  }
}
