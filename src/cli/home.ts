/**
 * Home: where Cairn keeps what is its own on this machine.
 *
 * `CAIRN_HOME` moves everything into one folder. Otherwise the platform's places are used: on Linux
 * the XDG folders, `~/.local/share/cairn` for state, `~/.config/cairn` for settings and
 * `~/.local/state/cairn` for the log.
 */

import { accessSync, constants, existsSync, mkdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import envPaths from 'env-paths'
import { DiskError, UsageError } from '../base/errors.ts'

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
