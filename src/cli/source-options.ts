/**
 * Source options: what to back up and what to leave out, for every command that scans.
 *
 * Patterns hold in the order in which they stand, those of config.toml first, so that a later one can take
 * back what an earlier one left out.
 */

import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import type { Command } from 'commander'
import { UsageError } from '../base/errors.ts'
import type { ScanPattern, ScanRules, ScanTag } from '../ports/scan.ts'
import { BadRuleError, CACHE_TAG, parsePatterns } from '../source/rules.ts'
import type { Config } from './config.ts'
import type { Context } from './context.ts'
import { escapeText } from './escape.ts'
import type { Home } from './home.ts'
import { collect, pathBytes, sizeOption } from './options.ts'
import { systemWords } from './system-words.ts'
import { typedBytes } from './typed-bytes.ts'

/** An option of patterns as it was given: one pattern, or a file of them. */
interface GivenPatterns {
  readonly option: 'exclude' | 'iexclude' | 'exclude-file' | 'iexclude-file'
  readonly value: string
}

export interface SourceOptions {
  readonly filesFrom0?: string
  readonly exclude?: readonly GivenPatterns[]
  readonly excludeCaches?: boolean
  readonly excludeIfPresent: readonly string[]
  readonly excludeLargerThan?: number
  readonly oneFileSystem?: boolean
}

/** What a client is asked to scan. */
export interface Sources {
  /** Absolute. */
  readonly paths: readonly Uint8Array[]
  /** Passed over, whatever else is asked for. */
  readonly exclude: readonly Uint8Array[]
  readonly rules: ScanRules
}

/** Add the options to a command. */
export function withSourceOptions(command: Command): Command {
  // One list for four options: their order among each other counts.
  const given: GivenPatterns[] = []
  const note = (option: GivenPatterns['option']) => (value: string) => {
    given.push({ option, value })
    command.setOptionValue('exclude', given)
    return given
  }
  return command
    .option('--files-from0 <file>', 'read paths from FILE, each ended by a zero byte; - is stdin')
    .option('--exclude <pattern>', 'leave out what matches, in gitignore syntax', note('exclude'))
    .option('--iexclude <pattern>', 'the same, ignoring case', note('iexclude'))
    .option('--exclude-file <file>', 'patterns from FILE, one a line', note('exclude-file'))
    .option('--iexclude-file <file>', 'the same, ignoring case', note('iexclude-file'))
    .option('--exclude-caches', 'leave out what is in folders with a CACHEDIR.TAG')
    .option(
      '--exclude-if-present <name[:header]>',
      'leave out what is in folders that hold such a file',
      collect,
      [],
    )
    .option('--exclude-larger-than <size>', 'leave out files of more than SIZE bytes', sizeOption)
    .option('-x, --one-file-system', 'stay on the file systems of the paths given')
}

/**
 * What the options and config.toml ask for together.
 *
 * @param paths - as the person gave them
 * @throws {UsageError}
 */
export function readSources(
  context: Context,
  { config, home }: { readonly config: Config; readonly home: Home },
  paths: readonly string[],
  options: SourceOptions,
): Sources {
  return {
    paths: wantedPaths(context, config, paths, options),
    exclude: ownState(home),
    rules: readRules(context, config.backup, options),
  }
}

function wantedPaths(
  context: Context,
  config: Config,
  paths: readonly string[],
  { filesFrom0 }: SourceOptions,
): Uint8Array[] {
  const given = paths.map((path) => pathBytes(path, context.workingFolder))
  if (filesFrom0 !== undefined) given.push(...listedPaths(context, filesFrom0))
  if (given.length > 0) return given
  if (filesFrom0 !== undefined) throw new UsageError('the list of --files-from0 names no path')
  if (config.backup.paths.length === 0) {
    throw new UsageError('nothing to back up: give a path, or set backup.paths in config.toml')
  }
  return config.backup.paths.map((path) => pathBytes(path, context.workingFolder))
}

/** Names in the list are bytes, as they are on the disk. */
function listedPaths(context: Context, file: string): Uint8Array[] {
  const bytes = readWhole(context, file, '--files-from0')
  const folder = Buffer.from(typedBytes(context.workingFolder)).toString('latin1')
  const paths = bytes
    .toString('latin1')
    .split('\0')
    .filter((path) => path !== '')
  return paths.map((path) => new Uint8Array(Buffer.from(resolve(folder, path), 'latin1')))
}

function readRules(context: Context, config: Config['backup'], options: SourceOptions): ScanRules {
  const { excludeCaches, excludeIfPresent, excludeLargerThan, oneFileSystem } = options
  const given = [
    ...config.exclude.map((value) => ({ option: 'exclude', value }) as const),
    ...config.iexclude.map((value) => ({ option: 'iexclude', value }) as const),
    ...config['exclude-file'].map((value) => ({ option: 'exclude-file', value }) as const),
    ...config['iexclude-file'].map((value) => ({ option: 'iexclude-file', value }) as const),
    ...(options.exclude ?? []),
  ]
  const tags = [...config['exclude-if-present'], ...excludeIfPresent].map(tagOf)
  const isCaches = excludeCaches === true || config['exclude-caches']
  return {
    patterns: given.flatMap((each) => patternsOf(context, each)),
    tags: isCaches ? [{ ...CACHE_TAG, origin: '--exclude-caches' }, ...tags] : tags,
    sizeMax: excludeLargerThan ?? config['exclude-larger-than'],
    isOneFileSystem: oneFileSystem === true || config['one-file-system'],
  }
}

function patternsOf(context: Context, { option, value }: GivenPatterns): ScanPattern[] {
  const isCaseIgnored = option.startsWith('i')
  const isFile = option.endsWith('-file')
  const bytes = isFile ? readWhole(context, value, `--${option}`) : typedBytes(value)
  const origin = isFile ? value : `--${option}`
  return parsePatterns(bytes, { origin, isFile, isCaseIgnored })
}

function tagOf(text: string): ScanTag {
  const at = text.indexOf(':')
  const name = at === -1 ? text : text.slice(0, at)
  if (name === '' || name.includes('/')) {
    throw new BadRuleError(`--exclude-if-present takes a name, not ${escapeText(text)}`)
  }
  const header = at === -1 ? '' : text.slice(at + 1)
  return { name, header, origin: `--exclude-if-present ${text}` }
}

/** Our own state changes while we work, and comes back without being backed up. */
function ownState({ data, logFile }: Home): Uint8Array[] {
  const folder = realpathSync(Buffer.from(data), 'buffer')
  const log = dirname(logFile)
  const logs = existsSync(log)
    ? [Buffer.concat([realpathSync(Buffer.from(log), 'buffer'), Buffer.from('/cairn.log')])]
    : []
  return [folder, ...logs].map((path) => new Uint8Array(path))
}

/** @throws {UsageError} */
function readWhole(context: Context, file: string, option: string): Buffer {
  const source = file === '-' ? 0 : resolve(context.workingFolder, file)
  try {
    return readFileSync(source)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    const reason = systemWords(code ?? '') ?? message
    throw new UsageError(`${option} ${file}: cannot be read: ${reason}`, { cause: error })
  }
}
