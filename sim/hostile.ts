/**
 * Hostile: a grid in which some members mean harm, and a person who backs up and restores meanwhile.
 *
 * The same work is done twice in virtual time: among honest friends who are left alone, and while hostile
 * members hold one session after another with every honest peer and hostile holders take shares and lie. Nothing
 * may crash, nothing may be wrong, nothing may be left over, and the person may not have to wait much longer.
 */

import { vaultIdFromBytes } from '../protocol/ids.ts'
import { PROTOCOL } from '../protocol/messages.ts'
import { withDeadline } from '../src/base/deadline.ts'
import { PeerError } from '../src/base/errors.ts'
import { toBytes } from './file-tree.ts'
import { StoryError } from './errors.ts'
import { CAPACITY, Friends, type Friend } from './grid.ts'
import { ACTS } from './hostile-acts.ts'
import { HostileHolder } from './hostile-holder.ts'
import { HostileMember } from './hostile-member.ts'
import { Owner } from './owner.ts'
import { Keeping } from './keeping.ts'
import type { Machine } from './machine.ts'
import type { SimRandom } from './random.ts'
import { World } from './world.ts'

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS

/** Honest friends, and friends who only pretend: as many as a pack can miss with room to spare. */
const HONEST = 'ann bea cem dora emil'.split(' ')
const FALSE = 'fay gus'.split(' ')

/** Members who attack peers at the same time. Two of them are storage peers by their admission. */
const ATTACKERS = 6

/** What hostile devices may keep at each peer, bytes. */
const QUOTA = 4_000_000

/** Homes with uplinks of today: what a hostile member takes of one is felt. */
const LINE = { upload: 1_000_000, download: 4_000_000 }
const LAPTOP_LINE = { upload: 500_000, download: 4_000_000 }

/** How much longer the person may have to wait. */
export const SLOWER_MAX = 1.4

/** Bytes of memory that may be held when it is over, beyond what peers were given to keep. */
export const GROWTH_MAX = 50 * 1024 * 1024

export interface HostileOptions {
  readonly seed: number
  /** Sessions with honest peers. */
  readonly sessions?: number | undefined
  /** Bytes of the person's files. */
  readonly size?: number | undefined
  readonly onLine?: ((line: string) => void) | undefined
  /** @returns bytes of memory in use, after what is not needed was let go; absent: not measured */
  readonly memory?: (() => number) | undefined
}

export interface HostileReport {
  readonly seed: number
  readonly sessions: number
  /** Streams that hostile holders served. */
  readonly held: number
  /** How often each act was played, and each lie told. */
  readonly acts: Readonly<Record<string, number>>
  /** Backups and restores meanwhile. */
  readonly rounds: number
  /** What one of them takes where nobody means harm, on average; virtual. */
  readonly calmMs: number
  readonly attackedMs: number
  readonly growth: number
  readonly digest: string
  readonly events: number
  readonly lines: readonly string[]
  readonly failure?: Error
}

/** Play one seed to its end. Never throws: what broke is in the report. */
export async function playHostile(options: HostileOptions): Promise<HostileReport> {
  const { seed, sessions = 100 } = options
  const calm = new Story({ ...options, sessions: 0, onLine: undefined, memory: undefined })
  const attacked = new Story({ ...options, sessions })
  let failure: Error | undefined
  try {
    await calm.play()
    await attacked.play()
    const ratio = attacked.mean / calm.mean
    if (ratio > SLOWER_MAX) throw new StoryError(`the person waited ${ratio.toFixed(2)} × as long`)
    if (attacked.growth > GROWTH_MAX)
      throw new StoryError(`${attacked.growth} bytes were not let go`)
  } catch (error) {
    failure = error instanceof Error ? error : new Error(String(error))
  }
  return {
    seed,
    sessions: attacked.played,
    held: attacked.held,
    acts: Object.fromEntries([...attacked.acts].toSorted(([a], [b]) => (a < b ? -1 : 1))),
    rounds: attacked.rounds.length,
    calmMs: Math.round(calm.mean),
    attackedMs: Math.round(attacked.mean),
    growth: attacked.growth,
    digest: attacked.world.trace.digest(),
    events: attacked.world.scheduler.count,
    lines: attacked.lines,
    ...(failure === undefined ? {} : { failure }),
  }
}

class Story {
  readonly world: World
  readonly lines: string[] = []
  readonly acts = new Map<string, number>()
  /** How long the person waited in each round, virtual ms. */
  readonly rounds: number[] = []
  played = 0
  growth = 0
  readonly #options: HostileOptions & { readonly sessions: number }
  readonly #random: SimRandom
  readonly #friends: Friends
  readonly #owner: Owner
  readonly #holders: HostileHolder[] = []
  readonly #attackers: { readonly member: HostileMember; readonly machine: Machine }[] = []
  readonly #failures: Error[] = []
  #begun = 0

  constructor(options: HostileOptions & { readonly sessions: number }) {
    this.#options = options
    this.world = new World(options.seed)
    this.#random = this.world.random.fork('hostile')
    this.#friends = new Friends(this.world, [...HONEST, ...FALSE], () => ({ line: LINE }))
    const laptop = this.world.addMachine('laptop', { isReachable: false, line: LAPTOP_LINE })
    this.#owner = new Owner(this.world, laptop)
    for (let index = 0; index < ATTACKERS; index++) {
      const member = new HostileMember(this.#friends.grid, this.#random.fork(`member ${index}`))
      const machine = this.world.addMachine(`hostile-${index}`, { line: { upload: 4_000_000 } })
      this.#attackers.push({ member, machine })
      if (index < 2) this.#friends.admit(member.peer, { role: 'peer' })
      else this.#friends.admit(member.peer, { role: 'device', vault: member.vault, quota: QUOTA })
    }
  }

  get mean(): number {
    return this.rounds.reduce((sum, ms) => sum + ms, 0) / this.rounds.length
  }

  get held(): number {
    return this.#holders.reduce((sum, { sessions }) => sum + sessions, 0)
  }

  async play(): Promise<void> {
    await this.world.run(() => this.#tell(), { durationMax: 30 * 24 * 60 * MINUTE_MS })
  }

  async #tell(): Promise<void> {
    const isAttacked = this.#options.sessions > 0
    for (const friend of this.#friends.all) {
      if (isAttacked && FALSE.includes(friend.name)) await this.#startHolder(friend)
      else this.#friends.start(friend)
    }
    await this.world.scheduler.sleep(MINUTE_MS)
    await this.#owner.init()
    await this.#owner.join(this.#friends.invite)
    const before = this.#measure()
    const attack = Promise.all(isAttacked ? this.#attackers.map((one) => this.#attack(one)) : [])
    await this.#work()
    await attack
    if (!isAttacked) return
    this.#say(`${this.played} sessions were held, ${this.held} more by hostile holders`)
    // Whatever was left open is closed by the peers within their limits of time.
    await this.world.scheduler.sleep(5 * MINUTE_MS)
    this.#assertNothingLeft()
    this.growth = this.#measure() - before
    for (const { lies } of this.#holders) {
      for (const [lie, count] of lies) this.acts.set(lie, (this.acts.get(lie) ?? 0) + count)
    }
  }

  /** What the person does and waits for: backups and restores, again and again. */
  async #work(): Promise<void> {
    const size = this.#options.size ?? 6_000_000
    const random = this.world.random.fork('person')
    for (let round = 1; round <= 3 || this.#begun < this.#options.sessions; round++) {
      this.#write(`round ${round}`, random.bytes(size))
      const from = this.world.scheduler.elapsed
      const sequence = await this.#backUp()
      const until = this.world.scheduler.elapsed
      await this.#owner.checkRestore(sequence, true)
      const ms = this.world.scheduler.elapsed - from
      this.rounds.push(ms)
      this.#say(
        `round ${round}: backed up in ${seconds(until - from)}, restored in ${seconds(ms - until + from)}`,
      )
      this.#assertHealthy()
    }
  }

  async #backUp(): Promise<number> {
    for (let run = 1; run <= 5; run++) {
      const { published, sequence } = await this.#owner.backUp(false)
      if (published) return sequence
    }
    throw new StoryError('nothing is published')
  }

  #write(name: string, bytes: Uint8Array): void {
    const { tree } = this.#owner.machine
    const path = toBytes(`/home/ada/${name}`)
    if (!tree.has(toBytes('/home/ada'))) tree.make(toBytes('/home/ada'), 'folder', 0o755)
    tree.write(tree.make(path, 'file', 0o644), 0, bytes)
  }

  async #startHolder({ name, machine, key }: Friend): Promise<void> {
    const accomplice = this.#attackers[0]!.member
    const holder = new HostileHolder(key, accomplice, this.#random.fork(`holder ${name}`))
    this.#holders.push(holder)
    await machine.run(async (ports) => holder.serve(await ports.network(key.seed)))
  }

  /** One session after another, until all are held. */
  async #attack({ member, machine }: { member: HostileMember; machine: Machine }): Promise<void> {
    const random = this.#random.fork(`attacks of ${member.peer}`)
    const network = await machine.ports.network(member.key.seed)
    while (this.#begun < this.#options.sessions) {
      this.#begun += 1
      const name = random.pick(Object.keys(ACTS))
      await this.#session(name, { member, machine, random, network })
      this.played += 1
      this.acts.set(name, (this.acts.get(name) ?? 0) + 1)
      await this.world.scheduler.sleep(random.exponential(3 * SECOND_MS))
    }
    await network.close()
  }

  async #session(
    name: string,
    by: {
      readonly member: HostileMember
      readonly machine: Machine
      readonly random: SimRandom
      readonly network: Awaited<ReturnType<Machine['ports']['network']>>
    },
  ): Promise<void> {
    const { random, network, machine, member } = by
    const { clock } = machine.ports
    const victim = random.pick(this.#friends.all.filter((one) => HONEST.includes(one.name)))
    const peer = this.#friends.peerOf(victim)
    const addresses = [victim.machine.address ?? '']
    const forever = new AbortController().signal
    try {
      await withDeadline(clock, 4 * MINUTE_MS, forever, async (signal) => {
        const open = (protocol = PROTOCOL) => network.dial(peer, protocol, addresses, signal)
        await ACTS[name]!({ member, random, open, sleep: (ms) => clock.sleep(ms, signal) })
      })
    } catch (error) {
      if (error instanceof PeerError) return
      this.#failures.push(error instanceof Error ? error : new Error(String(error)))
    }
  }

  #assertHealthy(): void {
    this.#friends.assertHealthy()
    const [failure] = this.#failures
    if (failure !== undefined) throw failure
  }

  /** No stream, no half of a share, no room that is promised to nobody. */
  #assertNothingLeft(): void {
    this.#assertHealthy()
    for (const { name, machine, node } of this.#friends.all) {
      if (!HONEST.includes(name)) continue
      if (node === undefined) throw new StoryError(`${name} does not run`)
      const parts = machine.volume.files().filter(({ path }) => path.endsWith('.part'))
      if (parts.length > 0) throw new StoryError(`${name} keeps ${parts[0]?.path}`)
      for (const { member } of this.#attackers) {
        const streams = node.service.streamsOf(member.peer)
        if (streams > 0) throw new StoryError(`${name} keeps ${streams} streams open`)
        const used = node.shareStore.used(vaultIdFromBytes(member.keys.vaultKey.publicKey))
        if (used > QUOTA) throw new StoryError(`${name} keeps ${used} bytes of a hostile vault`)
      }
    }
    this.#keeping.look(this.#friends.all.filter(({ name }) => HONEST.includes(name)))
  }

  /** What the disks hold, whatever the accounts say. */
  get #keeping(): Keeping {
    const vaults = new Set<string>(
      this.#attackers.map(({ member }) => vaultIdFromBytes(member.keys.vaultKey.publicKey)),
    )
    return new Keeping({
      quotaOf: (vault) => (vaults.has(vault) ? QUOTA : undefined),
      capacityOf: () => CAPACITY,
      isSpoilt: () => false,
    })
  }

  /** Memory in use, without what machines hold on their disks. */
  #measure(): number {
    if (this.#options.memory === undefined) return 0
    let onDisks = 0
    for (const { volume, tree } of this.world.machines.values()) {
      onDisks += volume.memory + tree.memory
    }
    const held = this.#holders.reduce((sum, holder) => sum + holder.memory, 0)
    return this.#options.memory() - onDisks - held
  }

  #say(line: string): void {
    this.lines.push(line)
    this.#options.onLine?.(line)
  }
}

function seconds(ms: number): string {
  return `${(ms / SECOND_MS).toFixed(1)} s`
}
