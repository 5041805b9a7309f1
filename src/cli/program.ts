/**
 * Program: all commands, and one run of one of them.
 */

import { Command, CommanderError, Help, type Option } from 'commander'
import { InterruptedError } from '../adapters/shutdown-signal.ts'
import { UsageError } from '../base/errors.ts'
import { outputOf, type Context } from './context.ts'
import { EXIT, exitCodeOf, type ExitCode } from './exit-code.ts'
import { programVersion } from './version.ts'

const VERSION = ['-V, --version', 'show the version'] as const
const VERSION_WORDS: ReadonlySet<string | undefined> = new Set(['-V', '--version'])

/** Each loads only when it is asked for, or all for the help: most of a short command is loading. */
const COMMANDS: Readonly<Record<string, (context: Context) => Promise<Command>>> = {
  demo: async (context) => (await import('./commands/demo.ts')).demoCommand(context),
  init: async (context) => (await import('./commands/init.ts')).initCommand(context),
  invite: async (context) => (await import('./commands/invite.ts')).inviteCommand(context),
  join: async (context) => (await import('./commands/join.ts')).joinCommand(context),
  backup: async (context) => (await import('./commands/backup.ts')).backupCommand(context),
  watch: async (context) => (await import('./commands/watch.ts')).watchCommand(context),
  scan: async (context) => (await import('./commands/scan.ts')).scanCommand(context),
  upload: async (context) => (await import('./commands/upload.ts')).uploadCommand(context),
  queue: async (context) => (await import('./commands/queue.ts')).queueCommand(context),
  snapshots: async (context) => (await import('./commands/snapshots.ts')).snapshotsCommand(context),
  ls: async (context) => (await import('./commands/ls.ts')).listCommand(context),
  find: async (context) => (await import('./commands/find.ts')).findCommand(context),
  diff: async (context) => (await import('./commands/diff.ts')).diffCommand(context),
  compare: async (context) => (await import('./commands/compare.ts')).compareCommand(context),
  history: async (context) => (await import('./commands/history.ts')).historyCommand(context),
  pin: async (context) => (await import('./commands/pin.ts')).pinCommand(context),
  unpin: async (context) => (await import('./commands/pin.ts')).unpinCommand(context),
  restore: async (context) => (await import('./commands/restore.ts')).restoreCommand(context),
  dump: async (context) => (await import('./commands/dump.ts')).dumpCommand(context),
  cat: async (context) => (await import('./commands/cat.ts')).catCommand(context),
  forget: async (context) => (await import('./commands/forget.ts')).forgetCommand(context),
  rebuild: async (context) => (await import('./commands/rebuild.ts')).rebuildCommand(context),
  check: async (context) => (await import('./commands/check.ts')).checkCommand(context),
  audit: async (context) => (await import('./commands/audit.ts')).auditCommand(context),
  repair: async (context) => (await import('./commands/repair.ts')).repairCommand(context),
  gc: async (context) => (await import('./commands/gc.ts')).gcCommand(context),
  recover: async (context) => (await import('./commands/recover.ts')).recoverCommand(context),
  device: async (context) => (await import('./commands/device.ts')).deviceCommand(context),
  status: async (context) => (await import('./commands/status.ts')).statusCommand(context),
  cap: async (context) => (await import('./commands/cap.ts')).capCommand(context),
  why: async (context) => (await import('./commands/why.ts')).whyCommand(context),
  'what-if': async (context) => (await import('./commands/what-if.ts')).whatIfCommand(context),
  heads: async (context) => (await import('./commands/heads.ts')).headsCommand(context),
  doctor: async (context) => (await import('./commands/doctor.ts')).doctorCommand(context),
  peer: async (context) => (await import('./commands/peer.ts')).peerCommand(context),
  grid: async (context) => (await import('./commands/grid.ts')).gridCommand(context),
}

const EXIT_HELP = `
Exit status:
  0 done · 1 error · 2 usage · 3 finished but incomplete · 10 no vault or grid · 11 locked
  12 wrong key · 13 not safe yet, too few peers · 14 unrecoverable data
  15 retention refused · 130 interrupted

Examples:
  $ cairn demo
  $ cairn init --words-to kit.txt
  $ cairn join --code-from code.txt
  $ cairn backup ~/Documents
  $ cairn restore --at 3d ~/Documents --target /tmp/back
  $ cairn forget --keep-daily 7 --keep-weekly 5 --keep-monthly 12 --dry-run

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
    const program = await makeProgram(context, args[0])
    await program.parseAsync(args, { from: 'user' })
    return context.exit
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return EXIT.ok
    const told = toldError(error, context)
    const advice = told instanceof InterruptedError ? context.onInterrupted : undefined
    if (told !== undefined)
      outputOf(context, { json: isJson }).failed(told, exitCodeOf(told), advice)
    return told === undefined ? EXIT.usage : exitCodeOf(told)
  }
}

/** @param first - what stands where a command's name belongs */
async function makeProgram(context: Context, first: string | undefined): Promise<Command> {
  const program = new Command('cairn')
    .description('Back up to the computers of friends: encrypted, any few of them are enough.')
    .version(`cairn ${programVersion()}`, ...VERSION)
    .helpOption('-h, --help', 'show this help')
    .addHelpText('after', EXIT_HELP)
  for (const name of commandsFor(first)) {
    const command = await COMMANDS[name]?.(context)
    if (command !== undefined) program.addCommand(command)
  }
  configure(program, context)
  return program
}

function commandsFor(first: string | undefined): readonly string[] {
  if (first !== undefined && Object.hasOwn(COMMANDS, first)) return [first]
  return VERSION_WORDS.has(first) ? [] : Object.keys(COMMANDS)
}

/** Commander would print and exit by itself; here errors are told once, by `run`. */
function configure(command: Command, context: Context): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => void context.stdout.write(text),
    writeErr: (text) => void context.stderr.write(text),
    outputError: () => undefined,
  })
  command.configureHelp({ showGlobalOptions: false, optionDescription })
  for (const below of command.commands) configure(below, context)
}

/** An option that may be given several times, and was not, is no news. */
function optionDescription(option: Option): string {
  return Help.prototype.optionDescription(option).replace(' (default: [])', '')
}

/** @returns the error to show; `undefined` if commander showed the help in its place */
function toldError(error: unknown, context: Context): unknown {
  if (error instanceof CommanderError) {
    if (error.code === 'commander.help') return undefined
    const message = error.message.replace(/^error: (?:command-)?/, '').replace(/\.$/, '')
    return new UsageError(`${message}. See the command's --help.`, { cause: error })
  }
  // Whatever failed while winding down, the reason is that somebody stopped us.
  const reason: unknown = context.signal.reason
  return context.signal.aborted && reason instanceof InterruptedError ? reason : error
}
