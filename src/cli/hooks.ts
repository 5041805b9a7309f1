/**
 * Hooks: what a person runs around a backup.
 *
 * `before` may stop it; then come `after` where a snapshot was published, or `failed` where none was; and
 * `finally` whatever happened, an interruption too.
 */

import { CommandFailedError, runShell } from '../adapters/run-command.ts'
import type { Context } from './context.ts'
import { EXIT, exitCodeOf, type ExitCode } from './exit-code.ts'
import { describe, type Output } from './output.ts'

export interface Hooks {
  readonly before?: string | undefined
  readonly after?: string | undefined
  readonly failed?: string | undefined
  readonly finally?: string | undefined
}

/** What hooks are told, in `CAIRN_…`. */
export interface HookFacts {
  readonly paths: readonly string[]
  readonly host: string
  readonly tags: readonly string[]
  /** Number of the snapshot that was published. */
  snapshot?: number
  /** Items that were left out of it. */
  skipped?: number
}

/** @returns an option's hook where it is given, else the config's */
export function mergeHooks(config: Hooks, options: Hooks): Hooks {
  return {
    before: options.before ?? config.before,
    after: options.after ?? config.after,
    failed: options.failed ?? config.failed,
    finally: options.finally ?? config.finally,
  }
}

/**
 * @param facts - told to hooks as they are by then
 * @param work - sets `context.exit`
 * @throws whatever `before` or `work` throws, once the other hooks have run
 */
export async function withHooks(
  context: Context,
  output: Output,
  hooks: Hooks,
  facts: HookFacts,
  work: () => Promise<void>,
): Promise<void> {
  const run = (name: keyof Hooks, more: Record<string, string> = {}) =>
    runHook(context, hooks, name, { ...factsFor(facts), ...more })
  /** The backup is over, for good or ill: a hook that fails changes what we end with, and no more. */
  const runLate = async (name: keyof Hooks, more: Record<string, string>) => {
    try {
      await run(name, more)
    } catch (error) {
      if (!(error instanceof CommandFailedError)) throw error
      output.warn(error.message)
      if (context.exit === EXIT.ok) context.exit = EXIT.error
    }
  }
  let ended: Record<string, string> = {}
  try {
    await run('before')
    await work()
    ended = { CAIRN_EXIT: String(context.exit) }
    await runLate(facts.snapshot === undefined ? 'failed' : 'after', ended)
  } catch (error) {
    const reason: unknown = context.signal.aborted ? context.signal.reason : error
    const code: ExitCode = exitCodeOf(reason)
    ended = { CAIRN_EXIT: String(code), CAIRN_ERROR: describe(reason) }
    await runLate('failed', ended)
    throw error
  } finally {
    await runLate('finally', ended)
  }
}

async function runHook(
  context: Context,
  hooks: Hooks,
  name: keyof Hooks,
  facts: Readonly<Record<string, string>>,
): Promise<void> {
  const line = hooks[name]
  if (line === undefined) return
  const env = { ...context.env, ...facts, CAIRN_HOOK: name }
  // What tidies up must run after an interruption too; a second one ends everything.
  await runShell(`The hook "${name}"`, line, env, name === 'before' ? context.signal : undefined)
}

function factsFor({ paths, host, tags, snapshot, skipped }: HookFacts): Record<string, string> {
  return {
    CAIRN_PATHS: paths.join('\n'),
    CAIRN_HOST: host,
    CAIRN_TAGS: tags.join('\n'),
    ...(snapshot === undefined ? {} : { CAIRN_SNAPSHOT: String(snapshot) }),
    ...(skipped === undefined ? {} : { CAIRN_SKIPPED: String(skipped) }),
  }
}
