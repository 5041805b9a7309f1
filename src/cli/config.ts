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
import { parseCode } from './options.ts'
import { systemWords } from './system-words.ts'

const codeText = z
  .string()
  .refine((text) => parseCode(text) !== undefined, 'is no code such as "4-of-7"')

const schema = z.strictObject({
  backup: z
    .strictObject({
      /** What `cairn backup` takes when no path is given; absolute. */
      paths: z.array(z.string().startsWith('/', 'is not an absolute path')).default([]),
      tags: z.array(z.string().min(1)).default([]),
      host: z.string().min(1).optional(),
      code: codeText.optional(),
    })
    .default({ paths: [], tags: [] }),
  log: z
    .strictObject({ level: z.enum(['debug', 'info', 'warn', 'error']).default('info') })
    .default({ level: 'info' }),
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
