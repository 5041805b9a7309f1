/**
 * Repository: a tool that keeps everything in one folder; what it sends is what it writes there.
 */

import { mkdirSync } from 'node:fs'
import { bytesWritten, folderState, totalBytes, type FolderState } from '../measure/folder-bytes.ts'
import { runMeasured, type Command } from '../measure/run-measured.ts'
import type { BackupStep, RestoreStep, Session } from './tool.ts'

export interface RepositoryCommands {
  /** Absolute. */
  readonly repository: string
  readonly init?: Command
  /** @param number - 1 for the first backup */
  readonly backup: (number: number) => Command
  readonly restore: (target: string) => Command
  /** @returns where the source is in a target that it was restored to */
  readonly rootIn: (target: string) => string
  /** Whether a file of the repository would be uploaded; all, if left out. */
  readonly counts?: (path: string) => boolean
  /** Between two backups, for tools that name them by the second. */
  readonly pauseMs?: number
}

export async function openRepository(commands: RepositoryCommands): Promise<Session> {
  mkdirSync(commands.repository, { recursive: true })
  if (commands.init !== undefined) await runMeasured(commands.init)
  return new RepositorySession(commands)
}

class RepositorySession implements Session {
  readonly #commands: RepositoryCommands
  #backups = 0

  constructor(commands: RepositoryCommands) {
    this.#commands = commands
  }

  async backup(): Promise<BackupStep> {
    const { pauseMs } = this.#commands
    if (pauseMs !== undefined) await new Promise((resolve) => setTimeout(resolve, pauseMs))
    const before = this.#state()
    const { usage } = await runMeasured(this.#commands.backup(++this.#backups))
    return { ...usage, bytesNew: bytesWritten(before, this.#state()) }
  }

  async restore(target: string): Promise<RestoreStep> {
    const { usage } = await runMeasured(this.#commands.restore(target))
    return { ...usage, root: this.#commands.rootIn(target) }
  }

  stored(): number {
    return totalBytes(this.#state())
  }

  async close(): Promise<void> {}

  #state(): FolderState {
    return folderState([this.#commands.repository], this.#commands.counts)
  }
}
