/** One simulated machine, for tests that need its ports and nothing else. */

import type { Machine, MachinePorts } from '../../sim/machine.ts'
import { World } from '../../sim/world.ts'

/** Tell a story on a machine of its own, in virtual time. */
export async function onMachine<T>(
  story: (ports: MachinePorts, machine: Machine) => Promise<T>,
  options: {
    readonly seed?: number
    readonly fileTimeStep?: number
    readonly fileTimeAheadMs?: number
  } = {},
): Promise<T> {
  const { seed = 1, ...more } = options
  const world = new World(seed)
  const machine = world.addMachine('laptop', more)
  return world.run(() => story(machine.ports, machine))
}

export const forever = new AbortController().signal
