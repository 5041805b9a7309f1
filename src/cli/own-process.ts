/**
 * Own process: this process as one run of `cairn`.
 */

import process from 'node:process'
import { collectInProportion } from '../adapters/collector.ts'
import { endProcess } from '../adapters/end-process.ts'
import { tuneMalloc } from '../adapters/malloc.ts'
import { listenForShutdown } from '../adapters/shutdown-signal.ts'
import { outputOf, type Context } from './context.ts'
import { EXIT } from './exit-code.ts'
import { run } from './program.ts'
import { typedArguments, typedFolder } from './typed-bytes.ts'

/** How a shell reports a program that a closed pipe ended: 128 + SIGPIPE. */
const CLOSED_PIPE = 141

const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
const ECHO_MS = 1_000

tuneMalloc()
collectInProportion()
const shutdown = listenForShutdown()
const context: Context = {
  env: process.env,
  workingFolder: workingFolder(),
  stdout: process.stdout,
  stderr: process.stderr,
  signal: shutdown.signal,
  now: () => performance.now(),
  exit: EXIT.ok,
}

// Ctrl-C reaches the launcher and us, and what the launcher then forwards is the same wish, not a
// second one. A second one ends us at once: whatever is left over is for the next run.
let stoppedAt = Infinity
shutdown.signal.addEventListener('abort', () => (stoppedAt = context.now()))
for (const name of STOP_SIGNALS) {
  process.on(name, () => {
    if (context.now() - stoppedAt > ECHO_MS) process.exit(EXIT.interrupted)
  })
}

for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    // Our reader has seen enough, as `head` does.
    if (error.code === 'EPIPE') process.exit(CLOSED_PIPE)
    throw error
  })
}
process.on('uncaughtException', (error) => {
  outputOf(context, { json: process.argv.includes('--json') }).failed(error)
  process.exit(EXIT.error)
})

/** Run the command that was typed, and end. */
export async function runOwnProcess(): Promise<never> {
  return endProcess(await run(typedArguments(process.argv.slice(2), process.env), context))
}

function workingFolder(): string {
  try {
    return typedFolder(process.cwd())
  } catch {
    process.stderr.write('cairn: the folder you are in is gone; go to another one\n')
    return process.exit(EXIT.error)
  }
}
