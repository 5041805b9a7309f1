/** Virtual time for tests that need a clock and nothing else. */

import type { Clock } from '../../src/ports/clock.ts'
import { World } from '../../sim/world.ts'

/** Tell a story with a machine's clock; minutes take no time, and real time is shut out. */
export async function inVirtualTime<T>(story: (clock: Clock) => Promise<T>): Promise<T> {
  const world = new World(1)
  const { clock } = world.addMachine('a machine').ports
  return await world.run(() => story(clock))
}
