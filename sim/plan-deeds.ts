/**
 * Deeds of a plan: what the person does, one after another, as on the command line.
 *
 * A run may fail for reasons that pass. What it says must be right all the same.
 */

import { encodeCap, requireCap } from '../protocol/cap.ts'
import { PeerError, RecoveryError } from '../src/base/errors.ts'
import type { CheckSummary, RepairSummary } from '../src/node/client.ts'
import { REBUILD_POLICY, type RebuildPolicy } from '../src/repair/policy.ts'
import type { RetentionPolicy } from '../src/repair/retention.ts'
import { Packs } from '../src/store/packs.ts'
import { StoryError } from './errors.ts'
import { toBytes } from './file-tree.ts'
import type { Friend } from './grid.ts'
import type { SavedState } from './machine.ts'
import { destroys, takesFiles } from './plan-budget.ts'
import type { Faults } from './plan-faults.ts'
import { AWAKE_MS, type Deed, type EventOf, type Policy } from './plan.ts'
import { LAPTOP, type Stage } from './plan-stage.ts'
import { assertSafe } from './promises.ts'
import { SimRandom } from './random.ts'
import { Thief } from './thief.ts'
import { Upkeep } from './upkeep.ts'
import type { Witness } from './witness.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

export interface DeedParts {
  readonly stage: Stage
  readonly faults: Faults
  readonly witness: Witness
  readonly isExpected: (error: unknown) => boolean
}

export class Deeds {
  readonly upkeep: Upkeep
  readonly #parts: DeedParts
  /** An old copy of the client's state, as a person has who images a disk. */
  #image: SavedState | undefined
  /** Friends who did not answer a check, though they were believed to hold shares. */
  #missed = new Set<string>()

  constructor(parts: DeedParts) {
    const { stage, witness, isExpected } = parts
    const { world, owner } = stage
    this.#parts = parts
    this.upkeep = new Upkeep({
      world,
      owner,
      witness: () => witness,
      isExpected,
      cost: stage.checks.cost,
      onPublished: (sequence) => this.#assertSafe(sequence),
      say: (line) => stage.say(line),
      boot: () => stage.untilLaptopIsUp(),
      mishaps: {
        threaten: (kind) => {
          stage.run = kind
          stage.runSince = world.scheduler.elapsed
        },
        relent: () => (stage.run = undefined),
        learn: () => undefined,
      },
    })
  }

  async do(deed: Deed): Promise<void> {
    const { stage } = this.#parts
    await stage.untilLaptopIsUp()
    // Until its next backup a client lists what it knows, and that is older now.
    if (stage.forgetful.delete(LAPTOP)) this.upkeep.isBehind = true
    switch (deed.type) {
      case 'edit':
        return this.#edit(deed)
      case 'folder':
        return this.#changeFolder(deed)
      case 'backup':
        return this.#backUp(deed)
      case 'watch':
        return this.#watch(deed)
      case 'restore':
        return this.#restore(deed.pick)
      case 'forget':
        return this.#forget(deed.policy)
      case 'pin':
        return this.#pin(deed)
      case 'gc':
        return this.upkeep.gc(deed.isCancel)
      case 'rebuild':
        return this.#rebuild(deed)
      case 'repair':
        return this.#repair(deed)
      case 'check':
        return this.#check(deed.isThorough)
      case 'audit':
        return this.upkeep.audit(deed.count)
      case 'help':
        return this.#giveCap(deed.who)
      case 'vacation':
        stage.say(`everybody's computers sleep for ${deed.days} days`)
        stage.world.scheduler.skip(deed.days * DAY_MS)
        return
      case 'recover':
        return this.recover(deed)
      case 'image':
        return this.#useImage(deed.how)
      case 'thief':
        return this.#beRobbed(deed.days)
    }
  }

  /** The client's state is lost; it comes back from the words, on a quiet day. */
  async recover({ door, cuts }: Pick<EventOf<'recover'>, 'door' | 'cuts'>): Promise<void> {
    const { stage, faults } = this.#parts
    const { owner, friends } = stage
    if (owner.remembered.length === 0) return
    stage.say('the laptop loses its state, and recovers with the words')
    await faults.calmDown()
    this.#forgetState()
    owner.wipe()
    const isHonest = ({ name }: Friend): boolean => stage.kinds.isHonest(name)
    const left = friends.left.filter((one) => one.machine.address !== undefined && isHonest(one))
    const friend = typeof door === 'number' ? left[Math.floor(door * left.length)] : undefined
    const way = friend === undefined ? stage.door() : { peer: friends.addressOf(friend) }
    for (const after of cuts) await this.#recoverBriefly(after, () => owner.recover(way))
    await owner.recover(way)
    await owner.takeStock()
    stage.note('a client recovered with the words')
  }

  async #recoverBriefly(after: number, recover: () => Promise<void>): Promise<void> {
    const { stage, faults } = this.#parts
    const cut = { type: 'cut', day: 1, ms: 0, downMs: MINUTE_MS, databases: 'kept' } as const
    faults.strike({ ...cut, who: LAPTOP, after })
    try {
      await recover()
    } catch (error) {
      this.upkeep.excuse(error, 'it ends')
    }
    await faults.calmDown()
    await stage.untilLaptopIsUp()
  }

  #edit({ seed, count }: EventOf<'edit'>): void {
    const { owner, diary } = this.#parts.stage
    const files = diary ?? owner.person
    files.drawFrom(new SimRandom(seed))
    files.edits(count)
  }

  #changeFolder({ seed, how }: EventOf<'folder'>): void {
    const { owner, diary } = this.#parts.stage
    if (diary !== undefined) return
    owner.person.drawFrom(new SimRandom(seed))
    this.#parts.stage.say(owner.person.changeFolder(how))
  }

  async #backUp(event: EventOf<'backup'>): Promise<void> {
    const { stage } = this.#parts
    const { owner, diary, friends } = stage
    const { isBusy, folder, lengthMax, budget, checkpointMs, leftOut } = event
    const known = owner.remembered
    if (folder !== undefined) owner.person.drawFrom(new SimRandom(folder))
    const summary = await this.upkeep.backUp({
      rebuild: rebuildPolicy(lengthMax, budget),
      isBusy: isBusy && diary === undefined,
      folder: folder === undefined || diary !== undefined ? undefined : owner.person.someFolder(),
      checkpointMs,
      leftOut: diary === undefined ? leftOut : undefined,
      isInTwo: event.isInTwo === true,
      isHashCheck: event.isHashCheck === true,
    })
    const { sequence, published, rebuilt = 0, repaired = 0, settling = 0 } = summary ?? {}
    if (settling > 0 && friends.up.some(({ name }) => stage.isInTrouble(name))) {
      stage.note('shares waited for room or better times at a friend')
    }
    if (published === false) stage.note('a run waited for its peers before it could publish')
    if (published === true && friends.up.length < friends.all.length) {
      stage.note('a run published while a friend was down')
    }
    if (rebuilt > 0) stage.note('a chain was rebuilt')
    if (repaired > 0) stage.note('a repair made a share again')
    const added = owner.remembered.filter((one) => one !== sequence && !known.includes(one))
    const isPart = (one: number): boolean => owner.memoryOf(one).isPartial === true
    if (added.some((one) => !isPart(one))) stage.note('a run that was cut off had published')
    if (added.some(isPart)) stage.note('a run published before its end')
  }

  /** The few files of a diary are told apart by their versions: those are backed up in quiet. */
  async #watch({ seed, count, forMs, quietMs }: EventOf<'watch'>): Promise<void> {
    const { stage } = this.#parts
    const { owner, diary } = stage
    if (diary !== undefined) return
    owner.person.drawFrom(new SimRandom(seed))
    const looked = await this.upkeep.watch({ forMs, quietMs, edits: count, pauseMs: owner.pauseMs })
    for (let times = looked; times > 0; times--) {
      stage.note('a backup looked only where a watcher said so')
    }
  }

  async #restore(pick: number): Promise<void> {
    const { stage } = this.#parts
    const { remembered } = stage.owner
    const sequence = remembered[Math.floor(pick * remembered.length)]
    if (sequence === undefined) return
    const { restores, troubled } = this.upkeep.counts
    const before = stage.sometimes.count('a peer gave no bytes, or wrong ones')
    await this.upkeep.checkSome(sequence)
    const hasReplaced = stage.sometimes.count('a peer gave no bytes, or wrong ones') > before
    const isDone = this.upkeep.counts.restores > restores
    if (this.upkeep.counts.troubled > troubled) stage.note('a restore failed, and said why')
    if (isDone && hasReplaced) stage.note('a failed read was replaced by another peer')
  }

  async #forget(policy: Policy): Promise<void> {
    const { forgotten } = this.upkeep.counts
    await this.upkeep.forget(retentionOf(policy))
    if (this.upkeep.counts.forgotten > forgotten) {
      this.#parts.stage.note('a forget dropped snapshots')
    }
  }

  async #pin({ pick, isPinned }: EventOf<'pin'>): Promise<void> {
    const { remembered } = this.#parts.stage.owner
    const sequence = remembered[Math.floor(pick * remembered.length)]
    if (sequence !== undefined) await this.upkeep.pin(sequence, isPinned)
  }

  async #check(isThorough: boolean): Promise<void> {
    this.#notePeers(await this.upkeep.check(isThorough))
    const older = await this.upkeep.olderHeads()
    if (older > 0) this.#parts.stage.note('a friend with an older head was seen')
  }

  async #repair({ isPatient, budget }: EventOf<'repair'>): Promise<void> {
    const limit = budget === undefined ? {} : { budget }
    this.#notePeers(await this.upkeep.repair({ isPatient, ...limit }))
  }

  async #rebuild({ lengthMax, budget }: EventOf<'rebuild'>): Promise<void> {
    const { stage } = this.#parts
    const { rebuilt } = this.upkeep.counts
    const policy = { ...rebuildPolicy(lengthMax, budget), isAutomatic: true }
    await this.upkeep.rebuild({ paths: [toBytes(stage.owner.person.home)], policy, budget })
    if (this.upkeep.counts.rebuilt > rebuilt) stage.note('a chain was rebuilt')
  }

  /** As `cairn cap` and `cairn peer run --help-repair` do. */
  async #giveCap(who: string): Promise<void> {
    const { stage } = this.#parts
    const text = await this.upkeep.cap()
    const friend = stage.friend(who)
    if (text === undefined || friend?.isLost !== false) return
    const cap = requireCap(text, 'repair')
    if (friend.help.some((one) => encodeCap(one) === text)) return
    stage.checks.secrecy.guardCap(who, text)
    stage.friends.helpWith(friend, cap)
    stage.say(`${who} is given a repair cap`)
  }

  /** Come back to an old copy of the client's state, as after a disk was replaced; or take one. */
  async #useImage(how: 'take' | 'return'): Promise<void> {
    const { stage } = this.#parts
    const { machine } = stage.owner
    if (how === 'return' && this.#image === undefined) return
    machine.crash('kill')
    if (how === 'return' && this.#image !== undefined) {
      stage.say('the laptop returns to an old copy of its state')
      machine.returnTo(this.#image)
      stage.checks.cost.lose()
      this.upkeep.isBehind = true
    } else this.#image = machine.saveState()
    machine.boot()
    await stage.sleep(MINUTE_MS)
  }

  /** All is released by a thief; the owner comes back with the words, to the last head before, and takes it back. */
  async #beRobbed(days: number): Promise<void> {
    const { stage, faults, witness } = this.#parts
    const { owner, world } = stage
    await faults.calmDown()
    await witness.look()
    const head = witness.newest
    if (head === undefined || head.snapshots.length === 0 || owner.isInDoubt) return
    const { machine } = owner
    machine.crash('kill')
    const thief = new Thief(world, `thief-${stage.day}-${world.machines.size}`, machine.saveState())
    const released = await thief.destroy()
    const told = typeof released === 'number' ? `${released} bytes` : `nothing: ${released.message}`
    stage.say(`the laptop is stolen, and the thief releases ${told}`)
    this.#forgetState()
    machine.wipe()
    machine.boot()
    for (let day = 0; day < days; day++) {
      world.scheduler.skip(DAY_MS - AWAKE_MS)
      await stage.sleep(AWAKE_MS)
    }
    await owner.recover(stage.door(), head)
    stage.say(
      `${days} days later its owner recovers with the words, as of head ${head.head.sequence}`,
    )
    await this.upkeep.gc(true)
    await owner.takeStock()
    // Where nothing was released no head is published yet, and until one is the old device may go on.
    if (typeof released !== 'number' || released === 0) return
    stage.note('what a thief released was taken back')
    const again = await thief.destroy()
    if (typeof again === 'number')
      throw new StoryError('a thief whose device was replaced released again')
  }

  #forgetState(): void {
    this.#parts.stage.checks.cost.lose()
    this.#parts.stage.isRotten = false
    this.upkeep.isBehind = false
    this.#image = undefined
  }

  async #assertSafe(sequence: number): Promise<void> {
    const { stage, witness } = this.#parts
    await witness.look()
    const heads = witness.younger(Infinity)
    const seen = heads.findLast(({ head }) => head.sequence === sequence)
    const earlier = heads.findLast(({ head }) => head.sequence < sequence)
    if (seen === undefined)
      throw new StoryError(`snapshot ${sequence} is published, and nobody has it`)
    const names = stage.friends.all.map(({ name }) => name)
    const dishonest = names.filter((name) => !stage.kinds.isHonest(name))
    const hurt = stage.plan.events.filter((event) => takesFiles(event) && stage.isDue(event))
    const hurtSince = (first: number): string[] =>
      hurt.flatMap((event) => (event.day < first ? [] : (destroys(event) ?? [])))
    const database = stage.owner.machine.databases.open('backupdb')
    const packs = new Packs(database)
    try {
      assertSafe(stage.friends, seen, earlier, {
        shares: new Set([...dishonest, ...hurtSince(this.#dayBefore(sequence))]),
        saidToHold: (pack) => new Set(packs.holders(pack).values()),
        heads: new Set([...dishonest, ...hurtSince(stage.planDay - 1)]),
      })
    } finally {
      database.close()
    }
  }

  /** What is new with a head was made after the one before it was published, or on that day. */
  #dayBefore(sequence: number): number {
    const { stage, witness } = this.#parts
    const publishedAt = witness.publishedAt(sequence - 1)
    return publishedAt === undefined ? 0 : stage.planDayAt(publishedAt) - 1
  }

  #notePeers(summary: CheckSummary | RepairSummary | undefined): void {
    if (summary === undefined) return
    const { stage } = this.#parts
    for (const { peer, isHere, shares } of summary.peers) {
      if (shares === 0) continue
      if (!isHere) this.#missed.add(peer)
      else if (this.#missed.delete(peer)) {
        stage.note('a share that had come back was counted again')
      }
    }
    if (!('repaired' in summary)) return
    for (const { mended } of summary.repaired) {
      if (mended === undefined || mended.placed.size === 0) continue
      stage.note('a repair made a share again')
      if (mended.means === 'peers') stage.note('a share was made again from k shares of others')
    }
  }
}

/** Trouble of the kinds that a person is told of and that pass. */
export function isPassing(error: unknown): boolean {
  return error instanceof PeerError || error instanceof RecoveryError
}

export function rebuildPolicy(lengthMax: number, budget: number): RebuildPolicy {
  return { ...REBUILD_POLICY, lengthMax, budget }
}

function retentionOf({ withinDays, ...counts }: Policy): RetentionPolicy {
  const given = Object.fromEntries(Object.entries(counts).filter(([, one]) => one !== undefined))
  if (withinDays === undefined) return given
  return { ...given, within: { years: 0, months: 0, days: withinDays, hours: 0 } }
}
