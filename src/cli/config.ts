/**
 * Config: what a person sets once, in `config.toml`.
 *
 * A flag beats the file, the file beats the built-in default. An unknown key is an error, since a
 * mistyped one would otherwise do nothing in silence. docs/operations.md has an example.
 */

import { readFileSync } from 'node:fs'
import { parse, TomlError } from 'smol-toml'
import { z } from 'zod'
import { UsageError } from '../base/errors.ts'
import { CHAIN_LENGTH_LIMIT } from '../history/chain-bounds.ts'
import { parseDuration } from '../repair/duration.ts'
import { REBUILD_POLICY, type RebuildPolicy } from '../repair/policy.ts'
import { REPAIR_POLICY, type RepairPolicy } from '../repair/repair-policy.ts'
import { parseSize } from './format.ts'
import { parseCode, parseDurationMs, parseFraction } from './options.ts'
import {
  COUNT_KEYS,
  DURATION_KEYS,
  parseKeepCount,
  parseTags,
  toPolicy,
  type KeepRules,
} from './retention-options.ts'
import { parseRates } from './rates.ts'
import { systemWords } from './system-words.ts'

const codeText = z
  .string()
  .refine((text) => parseCode(text) !== undefined, 'is no code such as "4-of-7"')

/** Text that `read` understands, and numbers as they are. */
function readable<T>(read: (text: string) => T | undefined, problem: string) {
  return z
    .union([z.string(), z.number()])
    .transform((value) => read(String(value)))
    .refine((value) => value !== undefined, problem)
    .transform((value) => value as T)
}

const absolutePath = z.string().startsWith('/', 'is not an absolute path')
const fraction = readable(parseFraction, 'is no share of the whole such as "5%"')
const size = readable(parseSize, 'is no size such as "500MB"')
const keepCount = readable(parseKeepCount, 'is neither a whole number nor "unlimited"')
const duration = readable(parseDuration, 'is no duration such as "1y5m7d2h"')
const tagList = readable(parseTags, 'is no list of tags such as "home,photos"')

/** How often a backup that takes long publishes what is done. */
const CHECKPOINT_MINUTES = 30

/** A week. */
export const CHECKPOINT_MINUTES_MAX = 7 * 24 * 60

/** A week. */
const AGE_MS_MAX = 7 * 86_400_000

const ageMs = readable(parseDurationMs, 'is no duration such as "2d12h"')

/** See `RebuildPolicy`. */
const rebuild = z
  .strictObject({
    automatic: z.boolean().default(REBUILD_POLICY.isAutomatic),
    'length-max': z.int().min(1).max(CHAIN_LENGTH_LIMIT).default(REBUILD_POLICY.lengthMax),
    'fetch-ratio-max': z.number().min(1).default(REBUILD_POLICY.fetchRatioMax),
    'loss-ratio-max': z.number().min(1).default(REBUILD_POLICY.lossRatioMax),
    'share-loss': fraction.default(REBUILD_POLICY.shareLoss),
    /** What an automatic rebuild may take, each time, up and down. */
    budget: size.default(REBUILD_POLICY.budget),
  })
  .prefault({})
  .transform((given): RebuildPolicy => ({
    isAutomatic: given.automatic,
    lengthMax: given['length-max'],
    fetchRatioMax: given['fetch-ratio-max'],
    lossRatioMax: given['loss-ratio-max'],
    shareLoss: given['share-loss'],
    budget: given.budget,
  }))

/** See `RepairPolicy`. */
const repair = z
  .strictObject({
    automatic: z.boolean().default(REPAIR_POLICY.isAutomatic),
    /** What an automatic repair may take, each time, up and down. */
    budget: size.default(REPAIR_POLICY.budget),
  })
  .prefault({})
  .transform((given): RepairPolicy => ({
    ...REPAIR_POLICY,
    isAutomatic: given.automatic,
    budget: given.budget,
  }))

/** Which programs' databases are kept as of a safe moment. */
const adapters = z
  .strictObject({
    sqlite: z.boolean().default(true),
    zodb: z.boolean().default(true),
    /** Files, or folders with all in them, that are read as they are; absolute. */
    except: z.array(absolutePath).default([]),
    /** The largest database that is copied to be read. */
    'copy-limit': size.optional(),
    /** How long a writer may keep us from reading. */
    'busy-seconds': z.int().min(0).max(3_600).optional(),
  })
  .prefault({})

/** Commands for a shell, around `cairn backup`. */
const command = z.string().min(1)
const hooks = z
  .strictObject({
    before: command.optional(),
    after: command.optional(),
    failed: command.optional(),
    finally: command.optional(),
  })
  .prefault({})

/** What `cairn forget` keeps when no flag says so: the flags without their dashes. */
const retention = z
  .strictObject({
    ...keys(COUNT_KEYS, keepCount.optional()),
    ...keys(DURATION_KEYS, duration.optional()),
    'keep-tag': z.array(tagList).optional(),
  })
  .prefault({})
  .transform((rules) => toPolicy(rules as KeepRules))

function keys<K extends string, T>(names: readonly K[], value: T): Record<K, T> {
  return Object.fromEntries(names.map((name) => [name, value])) as Record<K, T>
}

const schema = z.strictObject({
  backup: z
    .strictObject({
      /** What `cairn backup` takes when no path is given; absolute. */
      paths: z.array(absolutePath).default([]),
      tags: z.array(z.string().min(1)).default([]),
      host: z.string().min(1).optional(),
      code: codeText.optional(),
      'allow-few': z.boolean().default(false),
      /** Minutes between two partial snapshots; 0 for none. */
      checkpoint: z.int().min(0).max(CHECKPOINT_MINUTES_MAX).default(CHECKPOINT_MINUTES),
      /** Where files that do not hold still are copied, absolute, and the largest that is. */
      spool: absolutePath.optional(),
      'spool-limit': size.optional(),
      /** `cairn status` warns if the last complete snapshot is older. */
      'max-age': ageMs.default(AGE_MS_MAX),
      priority: z.enum(['low', 'normal']).default('low'),
      /** What is left out: the options of the same names without their dashes. */
      exclude: z.array(z.string()).default([]),
      iexclude: z.array(z.string()).default([]),
      'exclude-file': z.array(absolutePath).default([]),
      'iexclude-file': z.array(absolutePath).default([]),
      'exclude-caches': z.boolean().default(false),
      'exclude-if-present': z.array(z.string().min(1)).default([]),
      'exclude-larger-than': size.optional(),
      'one-file-system': z.boolean().default(false),
      /** How long a file system may take to answer before what is on it is left out. */
      'stall-seconds': z.int().min(1).max(86_400).default(60),
      /** What is uploaded first: absolute paths, the heavier before the rest, which weighs 0. */
      weights: z.record(absolutePath, z.int()).default({}),
    })
    .prefault({}),
  adapters,
  hooks,
  network: z
    .strictObject({
      /** Whether to ask the local network for a friend that is not where the roster says. */
      mdns: z.boolean().default(true),
      /** How fast this computer may send: `500kB`, or by the hour. */
      'limit-upload': readable(parseRates, 'is no rate such as "500kB"').optional(),
    })
    .default({ mdns: true }),
  log: z
    .strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info') })
    .default({ level: 'info' }),
  rebuild,
  repair,
  retention,
})

export type Config = z.output<typeof schema>

/**
 * Read the file; without one, the defaults hold.
 *
 * @throws {UsageError} naming the file and the key or line that is wrong
 */
export function readConfig(file: string): Config {
  const parsed = schema.safeParse(parseToml(readText(file), file))
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]
  const where = issue?.path.join('.')
  throw new UsageError(`${file}: ${where ? `${where}: ` : ''}${issue?.message ?? 'is not valid'}`)
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') return ''
    const reason = systemWords(code ?? '') ?? message
    throw new UsageError(`${file}: cannot be read: ${reason}`, { cause: error })
  }
}

function parseToml(text: string, file: string): unknown {
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const reason = error.message.split('\n')[0] ?? 'is not TOML'
    throw new UsageError(`${file}: line ${error.line}: ${reason}`, { cause: error })
  }
}
