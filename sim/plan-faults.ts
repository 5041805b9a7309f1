/**
 * Faults of a plan: what goes wrong with computers and those who own them.
 *
 * What goes wrong with their disks is in plan-disks.ts, and with the ways between them in plan-lines.ts.
 */

import type { DatabaseFaults } from './databases.ts'
import { DiskFaults } from './plan-disks.ts'
import { LineFaults } from './plan-lines.ts'
import type { EventOf, Fault } from './plan.ts'
import { LAPTOP, type Stage } from './plan-stage.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

export class Faults {
  readonly #stage: Stage
  readonly #disks: DiskFaults
  readonly #lines: LineFaults
  /** Days on which friends who are away come back. */
  readonly #back = new Map<string, number>()
  /** Clocks that are set wrong, and how each is set right. */
  readonly #clocks = new Set<() => void>()
  #asleep: (() => void)[] = []

  constructor(stage: Stage) {
    this.#stage = stage
    this.#lines = new LineFaults(stage)
    this.#disks = new DiskFaults(stage, (event) => this.#powerIsGone(event))
  }

  /** What must be ready before an event of today strikes. */
  prepare(fault: Fault): void {
    if (fault.type !== 'crash' || fault.databases !== 'losesCommits') return
    const { who, ms, staleMs } = fault
    this.#stage.later(Math.max(0, ms - staleMs), () => this.#takePicture(who))
  }

  strike(fault: Fault): void {
    if (this.#lines.strike(fault) || this.#disks.strike(fault)) return
    switch (fault.type) {
      case 'crash':
        return this.#crash(fault)
      case 'away':
        return this.#goAway(fault)
      case 'lid':
        return this.#closeLid(fault)
      case 'clock':
        return this.#setClock(fault)
      case 'move':
        return this.#move(fault.who)
      case 'lose':
        return this.#stage.lose(fault.who)
      default:
    }
  }

  /** Friends who were away come back on the morning of their day. */
  wakeUp(day: number): void {
    for (const [name, until] of this.#back) {
      if (day < until) continue
      this.#back.delete(name)
      this.#stage.switchOn(name, 'away')
    }
  }

  /** Whatever passes is over: all ways are open, all who may come back are there, and clocks are right. */
  async calmDown(): Promise<void> {
    const { world } = this.#stage
    this.#stage.callOff()
    this.#lines.calmDown()
    this.#disks.calmDown()
    this.#back.clear()
    for (const wake of this.#asleep.splice(0)) wake()
    for (const setRight of this.#clocks) setRight()
    world.internet.heal()
    this.#stage.switchAllOn()
    await this.#stage.sleep(10 * MINUTE_MS)
  }

  #crash({ who, how, downMs, databases }: EventOf<'crash'>): void {
    const machine = this.#stage.machine(who)
    if (machine?.isUp !== true) return
    this.#stage.say(how === 'kill' ? `the program of ${who} is killed` : `${who} loses power`)
    this.#forget(who, databases)
    this.#down(who, how, downMs)
  }

  /** The power goes at a step of the disk, which has seen to the crash itself. */
  #powerIsGone({ who, downMs, databases }: EventOf<'cut'>): void {
    this.#forget(who, databases)
    // The machine is down once the code that runs now has come to its next wait.
    this.#stage.world.scheduler.after(1, () => this.#down(who, 'power', downMs))
  }

  #down(who: string, how: 'kill' | 'power', downMs: number): void {
    if (who !== LAPTOP) this.#stage.crashes++
    this.#stage.switchOff(who, 'crash', how)
    this.#stage.later(downMs, () => this.#stage.switchOn(who, 'crash'))
  }

  #forget(who: string, databases: EventOf<'crash'>['databases']): void {
    const machine = this.#stage.machine(who)
    if (machine !== undefined) machine.databases.faults = faultsOf(databases)
    if (databases === 'kept') return
    this.#stage.forgetful.add(who)
    // Also between two runs: what comes back from friends has no digests.
    if (who === LAPTOP) this.#stage.checks.cost.lose()
  }

  #takePicture(who: string): void {
    this.#stage.machine(who)?.databases.picture()
  }

  #goAway({ who, days }: EventOf<'away'>): void {
    if (this.#stage.friend(who)?.isLost !== false) return
    this.#stage.say(`${who} goes away for ${days} days`)
    this.#back.set(who, this.#stage.planDay + days)
    this.#stage.switchOff(who, 'away')
  }

  /** Nothing happens on the machine, and nothing arrives there, until the lid is opened again. */
  #closeLid({ who, forMs }: EventOf<'lid'>): void {
    const machine = this.#stage.machine(who)
    if (machine?.isUp !== true || machine.life.isAsleep) return
    const { life } = machine
    this.#stage.say(`the lid of ${who} is closed for ${Math.round(forMs / 1000)} s`)
    if (who === LAPTOP && this.#stage.run !== undefined) {
      this.#stage.note('a lid was closed in the middle of a run')
    }
    life.fallAsleep()
    const open = this.#lines.shut([who])
    let isOpen = false
    const wake = (): void => {
      if (isOpen) return
      isOpen = true
      open()
      life.wakeUp()
    }
    this.#asleep.push(wake)
    this.#stage.later(forMs, wake)
  }

  /** Somebody sets a clock; it is set right later, or by the next boot. */
  #setClock({ who, byMs, forMs }: EventOf<'clock'>): void {
    const machine = this.#stage.machine(who)
    if (machine === undefined) return
    const { clock } = machine
    this.#stage.say(`the clock of ${who} is set by ${Math.round(byMs / 3600_000)} hours`)
    if (Math.abs(byMs) > 31 * DAY_MS) this.#stage.note('a clock was set by more than a month')
    clock.jump(byMs)
    const setRight = (): void => {
      // A boot has made a new clock, and a right one.
      if (this.#clocks.delete(setRight) && machine.clock === clock) clock.jump(-byMs)
    }
    this.#clocks.add(setRight)
    this.#stage.later(forMs, setRight)
  }

  #move(who: string): void {
    const machine = this.#stage.friend(who)?.machine
    if (machine?.isUp !== true || machine.address === undefined) return
    machine.move()
    this.#stage.say(`${who} moves to ${machine.address}`)
    this.#stage.note('a friend moved')
  }
}

function faultsOf(databases: EventOf<'crash'>['databases']): DatabaseFaults {
  return {
    losesCommits: databases === 'losesCommits' ? 1 : 0,
    losesAll: databases === 'losesAll' ? 1 : 0,
    damages: databases === 'damaged' ? 1 : 0,
  }
}
