/**
 * Context: what a command is run with, and how its results get out.
 */

import { Command } from 'commander'
import type { ExitCode } from './exit-code.ts'
import { Output, type TextSink } from './output.ts'

export interface Context {
  readonly env: NodeJS.ProcessEnv
  readonly workingFolder: string
  readonly stdout: TextSink
  readonly stderr: TextSink
  /** Aborts with an `InterruptedError` when the person or the system stops us. */
  readonly signal: AbortSignal
  /** Monotonic milliseconds. */
  now(): number
  /** How the command ended; commander's actions cannot return it. */
  exit: ExitCode
  /** What goes on after an interruption, in a sentence, where it is not the same command. */
  onInterrupted?: string
}

/** What every command accepts. */
export interface CommonOptions {
  readonly json?: boolean
}

export function outputOf(context: Context, options: CommonOptions): Output {
  return new Output(context, {
    isJson: options.json === true,
    showStack: isDebugging(context.env),
  })
}

export function isDebugging(env: NodeJS.ProcessEnv): boolean {
  return env['CAIRN_DEBUG'] === '1'
}

/** A command with what all of them share: `--json`, strict arguments, examples below the help. */
export function makeCommand(
  name: string,
  about: { summary: string; details?: string; examples: readonly string[] },
): Command {
  const { summary, details } = about
  // As wide as the terminal is: the line ends of the source would come on top of its own.
  const text = details === undefined ? summary : `${summary}\n\n${details.replaceAll('\n', ' ')}`
  const examples = about.examples.map((example) => `  $ ${example}`).join('\n')
  return new Command(name)
    .summary(about.summary)
    .description(text)
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', `\nExamples:\n${examples}`)
    .option('--json', 'print JSON lines instead of text')
}
