/**
 * Disks of a plan: the power goes at a step, a call fails, there is no room, a bit turns over.
 */

import { DiskError } from '../src/base/errors.ts'
import type { DiskStep, StepFate } from './disk.ts'
import type { Machine } from './machine.ts'
import type { EventOf, Fault } from './plan.ts'
import { LAPTOP, type Stage } from './plan-stage.ts'
import { SimRandom } from './random.ts'
import { VolumeFile } from './volume.ts'

const ROOMY = Number.MAX_SAFE_INTEGER

/** @returns what is to become of a step; undefined once this has nothing more to say */
type Watch = (step: DiskStep) => StepFate | undefined

export class DiskFaults {
  readonly #stage: Stage
  readonly #onCut: (event: EventOf<'cut'>) => void
  readonly #watches = new Map<string, Watch[]>()

  /** @param onCut - told when the power of a machine goes at a step */
  constructor(stage: Stage, onCut: (event: EventOf<'cut'>) => void) {
    this.#stage = stage
    this.#onCut = onCut
  }

  /** @returns whether it is about a disk */
  strike(fault: Fault): boolean {
    switch (fault.type) {
      case 'cut':
        this.#cut(fault)
        return true
      case 'full':
        this.#fillUp(fault)
        return true
      case 'rot':
        this.#rot(fault)
        return true
      case 'readError':
      case 'syncError':
        this.#fail(fault)
        return true
      default:
        return false
    }
  }

  calmDown(): void {
    this.#watches.clear()
    for (const { diskTrouble } of this.#stage.world.machines.values()) {
      diskTrouble.onStep = undefined
      diskTrouble.capacity = ROOMY
    }
  }

  #cut(event: EventOf<'cut'>): void {
    const { who, after, isAtSync, databases } = event
    const machine = this.#stage.machine(who)
    if (machine === undefined) return
    if (databases === 'losesCommits') machine.databases.picture()
    let left = after
    this.#watch(machine, ({ operation, path }) => {
      const isCounted = isAtSync !== true || operation === 'sync'
      if (!isCounted || left-- > 0) return 'pass'
      this.#stage.say(`${who} loses power at ${operation} ${path}`)
      this.#onCut(event)
      return 'cut'
    })
  }

  #fillUp({ who, room, forMs }: EventOf<'full'>): void {
    const machine = this.#stage.machine(who)
    if (machine === undefined) return
    const { diskTrouble, volume } = machine
    diskTrouble.capacity = volume.used + room
    this.#stage.expectTrouble(who, forMs)
    this.#stage.say(`the disk of ${who} has room for ${room} bytes`)
    this.#stage.note('a disk was full')
    this.#stage.world.scheduler.after(forMs, () => (diskTrouble.capacity = ROOMY))
  }

  #rot({ who, seed }: EventOf<'rot'>): void {
    const volume = this.#stage.machine(who)?.volume
    const files = volume?.files().filter(({ file }) => file.size > 0) ?? []
    // Before anything is published the words lead nowhere: there is nothing to come back to yet.
    const isEarly = who === LAPTOP && this.#stage.owner.remembered.length === 0
    if (files.length === 0 || isEarly) return
    const random = new SimRandom(seed)
    const { path, file } = random.pick(files)
    this.#stage.say(`a bit of ${path} at ${who} turns over`)
    if (who === LAPTOP) this.#stage.isRotten = true
    else this.#stage.note('a bit turned over at a friend')
    file.rot(random.below(8 * file.size))
  }

  /** One call fails. What an fsync failed to keep is not kept by the next one either. */
  #fail({ type, who, after, forMs }: EventOf<'readError'> | EventOf<'syncError'>): void {
    const machine = this.#stage.machine(who)
    if (machine === undefined) return
    const operation = type === 'readError' ? 'read' : 'sync'
    const until = this.#stage.world.scheduler.elapsed + forMs
    let left = after
    this.#stage.expectTrouble(who, forMs)
    this.#watch(machine, (step) => {
      if (this.#stage.world.scheduler.elapsed > until) return undefined
      if (step.operation !== operation || left-- > 0) return 'pass'
      this.#stage.say(`the disk of ${who} fails at ${operation} ${step.path}`)
      this.#stage.note(type === 'readError' ? 'a read failed' : 'an fsync failed')
      const node = machine.volume.node(step.path)
      if (type === 'syncError' && node instanceof VolumeFile) node.isLying = true
      return new DiskError(`${step.path}: input/output error`)
    })
  }

  /** Watch the steps of a disk until the watch has struck, or has nothing more to say. */
  #watch({ name, diskTrouble }: Machine, watch: Watch): void {
    const watches = this.#watches.get(name) ?? []
    this.#watches.set(name, watches)
    watches.push(watch)
    diskTrouble.onStep = (step) => {
      for (const one of watches.slice()) {
        const fate = one(step)
        if (fate === 'pass') continue
        watches.splice(watches.indexOf(one), 1)
        if (fate !== undefined) return fate
      }
      if (watches.length === 0) diskTrouble.onStep = undefined
      return 'pass'
    }
  }
}
