/**
 * World: everything that one seed makes: time, chance, machines, and the internet between them.
 */

import { Internet } from './internet.ts'
import { Machine, type MachineOptions } from './machine.ts'
import { PoisonError } from './errors.ts'
import { installPoison } from './poison.ts'
import { SimRandom } from './random.ts'
import { type RunLimits, SimScheduler } from './scheduler.ts'
import { Trace } from './trace.ts'

export class World {
  readonly seed: number
  readonly scheduler: SimScheduler
  readonly random: SimRandom
  readonly trace: Trace
  readonly internet: Internet
  readonly machines = new Map<string, Machine>()

  constructor(seed: number) {
    this.seed = seed
    this.random = new SimRandom(seed)
    this.scheduler = new SimScheduler()
    this.trace = new Trace(this.scheduler)
    this.internet = new Internet(this.scheduler, this.random.fork('internet'), this.trace)
  }

  addMachine(name: string, options: MachineOptions = {}): Machine {
    if (this.machines.has(name)) throw new Error(`there is a machine ${name} already`)
    const machine = new Machine(this, name, this.machines.size + 1, options)
    this.machines.set(name, machine)
    return machine
  }

  /** Nobody looks at it any more: what it holds beyond memory is given back. */
  close(): void {
    for (const { databases } of this.machines.values()) databases.close()
  }

  /**
   * Tell a story to its end, in virtual time and with the real world shut out.
   *
   * @throws {PoisonError} something reached for the real world, even if it swallowed the error
   */
  async run<T>(story: () => Promise<T>, limits: RunLimits = {}): Promise<T> {
    const guard = installPoison()
    try {
      return await this.scheduler.run(story, limits)
    } finally {
      guard.uninstall()
      if (guard.found.size > 0) {
        // oxlint-disable-next-line no-unsafe-finally -- a poisoned run has no other result
        throw new PoisonError(`the run reached for ${[...guard.found].join(', ')}`)
      }
    }
  }
}
