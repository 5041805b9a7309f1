/**
 * Tool: a program that backs up and restores, and what is measured of it.
 */

import { execFileSync } from 'node:child_process'
import type { Usage } from '../measure/run-measured.ts'

/** One backup. */
export interface BackupStep extends Usage {
  /** New to the store, before erasure coding where there is any; bytes, everything included. */
  readonly bytesNew: number
  /** Sent to all peers together, bytes; only where there are peers. */
  readonly bytesSent?: number
  /** CPU of the peers meanwhile, seconds. */
  readonly peersCpuSeconds?: number
}

export interface RestoreStep extends Usage {
  /** Asked of the peers, bytes; only where there are peers. */
  readonly bytesFetched?: number
  readonly peersCpuSeconds?: number
  /** Absolute: where the source's own folder or file came back. */
  readonly root: string
}

/** A repository, or a grid, that begins empty. */
export interface Session {
  backup(): Promise<BackupStep>
  /** Bring the newest state back into an empty folder. */
  restore(target: string): Promise<RestoreStep>
  /** @returns bytes that the repository or all peers together hold */
  stored(): number
  close(): Promise<void>
}

export interface Place {
  /** Absolute: what is backed up. */
  readonly source: string
  /** Absolute, empty: where the tool may keep everything. */
  readonly folder: string
}

export interface Tool {
  readonly name: string
  /** How it is run, in a few words. */
  readonly how: string
  /** Not a backup program, or measured for interest: once is enough. */
  readonly isOnce: boolean
  /** Only workloads of one file. */
  readonly isForOneFile?: boolean
  /** @returns its version; undefined if it is not installed */
  readonly version: () => string | undefined
  readonly open: (place: Place) => Promise<Session>
}

/** @returns the first line with a number that the command prints, or undefined if it cannot be run */
export function versionOf(program: string, ...args: readonly string[]): string | undefined {
  try {
    const text = execFileSync(program, args, {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    return /\d+\.\d+(?:\.\d+)*/.exec(text)?.[0]
  } catch {
    return undefined
  }
}
