/** All workloads, by name. */

import { image, noise, shifted } from './image.ts'
import { laptop } from './laptop.ts'
import { log } from './log.ts'
import { mailbox } from './mailbox.ts'
import { releases } from './releases.ts'
import { sqlite } from './sqlite.ts'
import { tiny } from './tiny.ts'
import type { Workload } from './workload.ts'

export const WORKLOADS: readonly Workload[] = [
  laptop,
  image,
  shifted,
  sqlite,
  log,
  mailbox,
  tiny,
  noise,
  ...releases,
]

/** @returns the workload of that name, in any case of letters */
export function workloadNamed(name: string): Workload | undefined {
  return WORKLOADS.find((each) => each.name.toLowerCase() === name.toLowerCase())
}
