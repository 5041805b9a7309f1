/**
 * Home: where Cairn keeps what is its own on this machine.
 *
 * `CAIRN_HOME` moves everything into one folder. Otherwise the platform's places are used: on Linux
 * the XDG folders, `~/.local/share/cairn` for state, `~/.config/cairn` for settings and
 * `~/.local/state/cairn` for the log.
 */

import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import envPaths from 'env-paths'
import { DiskError, UsageError } from '../base/errors.ts'

const OTHERS = 0o077

/** Keys that others on this computer may read: they may have been copied, so they are not used. */
export class KeysExposedError extends DiskError {
  override readonly name = 'KeysExposedError'
}

/** Absolute paths. */
export interface Home {
  /** Keys, the backupdb, the queue, sealed packs waiting to be sent. */
  readonly data: string
  readonly configFile: string
  readonly logFile: string
}

/** @throws {UsageError} CAIRN_HOME is set but empty */
export function findHome(env: NodeJS.ProcessEnv, workingFolder: string): Home {
  const { CAIRN_HOME } = env
  if (CAIRN_HOME === '') {
    throw new UsageError('CAIRN_HOME is set but empty; unset it, or give it a folder')
  }
  if (CAIRN_HOME !== undefined) {
    const home = resolve(workingFolder, CAIRN_HOME)
    return { data: home, configFile: join(home, 'config.toml'), logFile: join(home, 'cairn.log') }
  }
  const paths = envPaths('cairn', { suffix: '' })
  return {
    data: paths.data,
    configFile: join(paths.config, 'config.toml'),
    logFile: join(paths.log, 'cairn.log'),
  }
}

/**
 * Make a folder that only its owner may enter, and those above it.
 *
 * @throws {DiskError}
 */
export function makePrivateFolder(path: string): void {
  try {
    makeFolders(path)
    accessSync(path, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    throw new DiskError(`cannot use the folder ${path}: ${code ?? message}`, { cause: error })
  }
}

/**
 * A file with keys is used only where nobody else may read it, as ssh has it. It need not be there.
 *
 * @throws {KeysExposedError} nothing was changed
 */
export function assertPrivateFile(path: string): void {
  const status = statSync(path, { throwIfNoEntry: false })
  // On Windows a profile's files are its owner's by inheritance, and modes say nothing.
  if (status === undefined || process.getuid === undefined) return
  const isOurs = status.uid === process.getuid() || process.getuid() === 0
  if (isOurs && (status.mode & OTHERS) === 0) return
  const mode = (status.mode & 0o777).toString(8)
  throw new KeysExposedError(
    `Others on this computer may read the keys in ${path} (mode ${mode}), so they are not used. ` +
      `Make the file yours alone: chmod 600 ${path}. If others had time to copy it, go on from a new ` +
      'home with "cairn recover", whose device takes the place of this one',
  )
}

/** One by one: Node's recursive mkdir never ends where a folder cannot hold any, as /proc. */
function makeFolders(path: string): void {
  if (existsSync(path)) return
  if (dirname(path) !== path) makeFolders(dirname(path))
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    // Somebody else was faster.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
}
