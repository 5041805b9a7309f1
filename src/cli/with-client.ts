/**
 * With a client: open this machine's vault, do one thing with it, close it whatever happens.
 */

import { resolve } from 'node:path'
import { Client, type RepairProgress, type UploadRequest } from '../node/client.ts'
import { readConfig, type Config } from './config.ts'
import { outputOf, type CommonOptions, type Context } from './context.ts'
import { escapeName, pathFields } from './escape.ts'
import { findHome, type Home } from './home.ts'
import type { Output } from './output.ts'
import { openPorts } from './ports.ts'
import type { Rates } from './rates.ts'
import { ProgressLine, type ProgressState } from './progress.ts'

export interface ClientSession {
  readonly client: Client
  readonly output: Output
  readonly config: Config
  readonly home: Home
}

/**
 * @throws {VaultNotFoundError} there is no vault in this home
 * @throws {LockedError} another command is using it
 */
export async function withClient<T>(
  context: Context,
  options: CommonOptions & { readonly spool?: string; readonly limitUpload?: Rates },
  use: (session: ClientSession) => Promise<T>,
): Promise<T> {
  const home = findHome(context.env, context.workingFolder)
  const config = readConfig(home.configFile)
  const { spool, limitUpload } = options
  const ports = await openPorts(home, config, {
    ...(spool === undefined ? {} : { copies: resolve(context.workingFolder, spool) }),
    ...(limitUpload === undefined ? {} : { limitUpload }),
  })
  try {
    const client = await Client.open(ports, context.signal)
    try {
      return await use({ client, output: outputOf(context, options), config, home })
    } finally {
      await client.close()
    }
  } finally {
    await ports.close()
  }
}

/** A step of a check or a repair, as the progress line shows it. */
export function repairProgress({
  phase,
  done,
  total,
  bytesDone,
  bytesTotal,
}: RepairProgress): ProgressState {
  return { phase, filesDone: done, filesTotal: Math.max(done, total), bytesDone, bytesTotal }
}

/** What a client is given so that a person sees how far it is, and what fails. */
export function tellingProgress(
  output: Output,
  progress: ProgressLine,
): Required<Pick<UploadRequest, 'onProgress' | 'onFileError'>> {
  return {
    onProgress: (state) => progress.update(state),
    onFileError: ({ path, error, during }) => {
      progress.clear()
      output.itemFailed(escapeName(path), error, { during, ...pathFields(path) })
    },
  }
}

/** Show a progress line while `use` works; it is gone before the result is printed. */
export async function withProgress<T>(
  context: Context,
  output: Output,
  use: (progress: ProgressLine) => Promise<T>,
): Promise<T> {
  const progress = new ProgressLine(output, () => context.now())
  progress.start()
  try {
    return await use(progress)
  } finally {
    progress.stop()
  }
}
