/**
 * Write a workload, or apply a day to one that was written: what the bench does, by hand.
 */

import { mkdirSync, readdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { WorkloadError } from './workload-error.ts'
import type { Workload } from './workload.ts'

export interface WriteRequest {
  readonly workload: Workload
  readonly folder: string
  readonly seed: number
  readonly scale: number
  /** 0 writes the first state. */
  readonly day: number
}

/** @throws {WorkloadError} the first state is wanted in a folder that holds something */
export async function writeWorkload({ workload, ...request }: WriteRequest): Promise<void> {
  const { day, seed, scale } = request
  const folder = resolve(request.folder)
  mkdirSync(folder, { recursive: true })
  if (day > 0) return workload.change({ folder, seed, scale, day })
  if (readdirSync(folder).length > 0) throw new WorkloadError(`${folder} is not empty`)
  return workload.create({ folder, seed, scale })
}
