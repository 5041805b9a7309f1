/**
 * Copies: files without a name, in one folder, for what does not hold still while it is read.
 *
 * A name is there for a moment only; what a crash leaves of it the next copy removes.
 */

import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { copyFile, mkdir, open, rm, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'

import { attempt, toFilesError } from './system.ts'

const { COPYFILE_EXCL, COPYFILE_FICLONE_FORCE, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR } =
  constants

const FILE_MODE = 0o600
const FOLDER_MODE = 0o700

export class Copies {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** @returns an empty file, and the name it had for messages */
  async scratch(): Promise<{ readonly handle: FileHandle; readonly path: Uint8Array }> {
    const path = await this.#newPath()
    const handle = await attempt(path, toFilesError, () =>
      open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, FILE_MODE),
    )
    await rm(path, { force: true })
    return { handle, path: new Uint8Array(Buffer.from(path)) }
  }

  /** @returns a reflink of an open file; `undefined` if there can be none here */
  async clone(source: FileHandle): Promise<FileHandle | undefined> {
    if (process.platform !== 'linux') return undefined
    const path = await this.#newPath()
    try {
      // By its descriptor: the name may lead elsewhere by now.
      const from = `/proc/self/fd/${source.fd}`
      await copyFile(from, path, COPYFILE_EXCL | COPYFILE_FICLONE_FORCE)
      return await open(path, O_RDONLY | O_NOFOLLOW)
    } catch {
      // Another file system, or one that cannot: whatever it is, the bytes can be copied instead.
      return undefined
    } finally {
      await rm(path, { force: true })
    }
  }

  async #newPath(): Promise<string> {
    await attempt(this.#folder, toFilesError, () =>
      mkdir(this.#folder, { recursive: true, mode: FOLDER_MODE }),
    )
    return join(this.#folder, `copy-${randomBytes(8).toString('hex')}.new`)
  }
}
