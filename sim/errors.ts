/** What can go wrong with a simulation itself. These never reach the program under test. */

/** Everybody waits and nothing will ever happen: a deadlock in the program, or in the story. */
export class StuckError extends Error {
  override readonly name = 'StuckError'
}

/** The program awaited something that virtual time does not drive: a timer, a thread, the system. */
export class ForeignWaitError extends Error {
  override readonly name = 'ForeignWaitError'
}

/** The run went on beyond its limits of events or virtual time. */
export class LivelockError extends Error {
  override readonly name = 'LivelockError'
}

/** Code inside a run reached for real time, chance or threads. */
export class PoisonError extends Error {
  override readonly name = 'PoisonError'
}

/** The machine went down while this work was running on it. The work itself never hears of it. */
export class MachineCrashed extends Error {
  override readonly name = 'MachineCrashed'
  readonly machine: string

  constructor(machine: string) {
    super(`${machine} crashed`)
    this.machine = machine
  }
}

/** The story broke a promise of the product: a bug. */
export class StoryError extends Error {
  override readonly name = 'StoryError'
}
