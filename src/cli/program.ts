/**
 * Program: all commands, and one run of one of them.
 */

import { Command, CommanderError } from 'commander'
import { InterruptedError } from '../adapters/shutdown-signal.ts'
import { UsageError } from '../base/errors.ts'
import { backupCommand } from './commands/backup.ts'
import { demoCommand } from './commands/demo.ts'
import { gridCommand } from './commands/grid.ts'
import { historyCommand } from './commands/history.ts'
import { initCommand } from './commands/init.ts'
import { joinCommand } from './commands/join.ts'
import { listCommand } from './commands/ls.ts'
import { peerCommand } from './commands/peer.ts'
import { recoverCommand } from './commands/recover.ts'
import { restoreCommand } from './commands/restore.ts'
import { snapshotsCommand } from './commands/snapshots.ts'
import { statusCommand } from './commands/status.ts'
import { outputOf, type Context } from './context.ts'
import { EXIT, exitCodeOf, type ExitCode } from './exit-code.ts'
import { programVersion } from './version.ts'

const EXIT_HELP = `
Exit status:
  0 done · 1 error · 2 usage · 3 finished but incomplete · 10 no vault or grid · 11 locked
  12 wrong key · 13 not safe yet, too few peers · 14 unrecoverable data · 130 interrupted

Examples:
  $ cairn demo
  $ cairn init --words-to kit.txt
  $ cairn join --code-from invite.txt
  $ cairn backup ~/Documents
  $ cairn restore --at 3d ~/Documents --target /tmp/back

CAIRN_HOME moves all of Cairn's own state to one folder.`

/**
 * Run one command.
 *
 * @param args - without the program's own name
 * @returns the exit code; every error has been told by then
 */
export async function run(args: readonly string[], context: Context): Promise<ExitCode> {
  const isJson = args.includes('--json')
  try {
    await makeProgram(context).parseAsync(args, { from: 'user' })
    return context.exit
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok
    const told = toldError(error, context)
    if (told !== undefined) outputOf(context, { json: isJson }).failed(told)
    return told === undefined ? EXIT.usage : exitCodeOf(told)
  }
}

function makeProgram(context: Context): Command {
  const program = new Command('cairn')
    .description('Back up to the computers of friends: encrypted, any few of them are enough.')
    .version(`cairn ${programVersion()}`, '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', EXIT_HELP)
  const commands = [
    demoCommand(context),
    initCommand(context),
    joinCommand(context),
    backupCommand(context),
    snapshotsCommand(context),
    listCommand(context),
    historyCommand(context),
    restoreCommand(context),
    recoverCommand(context),
    statusCommand(context),
    peerCommand(context),
    gridCommand(context),
  ]
  for (const command of commands) program.addCommand(command)
  configure(program, context)
  return program
}

/** Commander would print and exit by itself; here errors are told once, by `run`. */
function configure(command: Command, context: Context): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => void context.stdout.write(text),
    writeErr: (text) => void context.stderr.write(text),
    outputError: () => undefined,
  })
  command.configureHelp({ showGlobalOptions: false })
  for (const below of command.commands) configure(below, context)
}

/** @returns the error to show; `undefined` if commander showed the help in its place */
function toldError(error: unknown, context: Context): unknown {
  if (error instanceof CommanderError) {
    if (error.code === 'commander.help') return undefined
    const message = error.message.replace(/^error: /, '')
    return new UsageError(`${message}. See the command's --help.`, { cause: error })
  }
  // Whatever failed while winding down, the reason is that somebody stopped us.
  const reason: unknown = context.signal.reason
  return context.signal.aborted && reason instanceof InterruptedError ? reason : error
}
