/**
 * Tree writer: files, folders and links under one root, by relative path.
 *
 * Parts of a path are strings or bytes. Files are written whole and synchronously: a demo has nothing
 * else to do, and its tree is small.
 */

import {
  appendFileSync,
  chmodSync,
  closeSync,
  lchownSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import type { Files, FileTime } from '../../ports/files.ts'

type Part = string | Uint8Array

export class TreeWriter {
  readonly #root: Buffer
  readonly #files: Files

  /** @param files - only for what `node:fs` cannot: times to the nanosecond */
  constructor(root: string, files: Files) {
    this.#root = Buffer.from(root)
    this.#files = files
  }

  path(...parts: readonly Part[]): Buffer {
    const names = parts.flatMap((part) => [Buffer.from('/'), Buffer.from(part)])
    return Buffer.concat([this.#root, ...names])
  }

  folder(...parts: readonly Part[]): void {
    mkdirSync(this.path(...parts), { recursive: true })
  }

  file(content: Uint8Array, ...parts: readonly Part[]): void {
    writeFileSync(this.path(...parts), content)
  }

  /** @returns false if this file system refuses the name */
  tryFile(content: Uint8Array, ...parts: readonly Part[]): boolean {
    try {
      this.file(content, ...parts)
      return true
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EILSEQ' || code === 'EINVAL' || code === 'ENAMETOOLONG') return false
      throw error
    }
  }

  read(...parts: readonly Part[]): Buffer {
    return readFileSync(this.path(...parts))
  }

  append(content: Uint8Array, ...parts: readonly Part[]): void {
    appendFileSync(this.path(...parts), content)
  }

  /** Overwrite in place, as a database does. */
  overwrite(pieces: readonly { offset: number; content: Uint8Array }[], ...parts: Part[]): void {
    const descriptor = openSync(this.path(...parts), 'r+')
    for (const { offset, content } of pieces) {
      writeSync(descriptor, content, 0, content.length, offset)
    }
    closeSync(descriptor)
  }

  symlink(target: Part, ...parts: readonly Part[]): void {
    symlinkSync(Buffer.from(target), this.path(...parts))
  }

  mode(mode: number, ...parts: readonly Part[]): void {
    chmodSync(this.path(...parts), mode)
  }

  /** Only root may give files away; for others nothing happens. */
  owner(uid: number, gid: number, ...parts: readonly Part[]): void {
    if (process.getuid?.() === 0) lchownSync(this.path(...parts), uid, gid)
  }

  async modified(mtime: FileTime, ...parts: readonly Part[]): Promise<void> {
    await this.#files.setModified(this.path(...parts), mtime)
  }

  move(from: readonly Part[], to: readonly Part[]): void {
    renameSync(this.path(...from), this.path(...to))
  }

  remove(...parts: readonly Part[]): void {
    rmSync(this.path(...parts), { recursive: true })
  }
}
