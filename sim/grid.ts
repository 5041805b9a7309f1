/**
 * The friends of a simulated world: storage peers on machines of their own, founded as one grid.
 *
 * A peer that crashes is started again by its friend, unless it is gone for good. What a peer has
 * said is stored must outlive its crashes; only loss for good may take it away.
 */

import type { RepairCap } from '../protocol/cap.ts'
import { peerIdOf, signingKeyFromSeed, type SigningKey } from '../protocol/keys.ts'
import { signStatement, type GridId, type Statement } from '../protocol/roster.ts'
import { codecs } from '../src/codec/codecs.ts'
import { foundOpenGrid } from '../src/node/found-grid.ts'
import { startPeer, type PeerNode, type PeerOptions } from '../src/node/peer-node.ts'
import type { PeerId } from '../src/ports/network.ts'
import { assert } from '../src/base/assert.ts'
import { MachineCrashed } from './errors.ts'
import type { Guise } from './kind.ts'
import type { Machine, MachineOptions } from './machine.ts'
import type { SimRandom } from './random.ts'
import type { World } from './world.ts'

/** Bytes each friend lends. */
export const CAPACITY = 2 ** 30

const YEAR_MS = 365 * 24 * 3600_000

export interface FriendOptions extends MachineOptions {
  /** What is lost together, as everybody is told; a home of its own where absent. */
  readonly domain?: string | undefined
}

export interface Friend {
  readonly name: string
  readonly machine: Machine
  readonly key: SigningKey
  /** Whether it will never come back. */
  isLost: boolean
  /** Repair caps that it is given at each of its starts, the newest last. */
  readonly help: RepairCap[]
  /** What runs there since its last start, once it serves. */
  node: PeerNode | undefined
}

export class Friends {
  readonly #all: Friend[]
  /** The invite a new client joins with. */
  readonly invite: string
  readonly #world: World
  /** Options of single peers, asked at each of their starts. */
  readonly #each: (index: number) => Partial<PeerOptions>
  /** Where those whom the invite names were when it was written. */
  readonly #named: ReadonlyMap<string, string | undefined>
  readonly grid: GridId
  readonly #statements: Uint8Array[]
  /** What peers died of other than crashes: always a bug. */
  readonly #failures: Error[] = []
  /** Told what a peer died of. @returns whether there is a reason for it */
  isExpected: (friend: Friend, error: Error) => boolean = () => false
  /** Asked at each start of a friend's program. @returns how it runs, if it is not what it seems */
  guiseOf: (friend: Friend) => Guise | undefined = () => undefined

  constructor(
    world: World,
    names: readonly string[],
    describe: (random: SimRandom, name: string) => FriendOptions,
    each: (index: number) => Partial<PeerOptions> = () => ({}),
  ) {
    this.#world = world
    this.#each = each
    const domains = new Map<string, string>()
    this.#all = names.map((name) => {
      const random = world.random.fork(`friend ${name}`)
      const options = describe(random.fork('machine'), name)
      domains.set(name, options.domain ?? `home of ${name}`)
      return {
        name,
        machine: world.addMachine(name, options),
        key: signingKeyFromSeed(random.fork('key').bytes(32)),
        isLost: false,
        help: [],
        node: undefined,
      }
    })
    const founded = foundOpenGrid(
      this.all.map(({ name, key, machine }) => ({
        key,
        name,
        domain: domains.get(name) ?? '',
        addresses: machine.address === undefined ? [] : [machine.address],
      })),
      {
        seed: world.random.fork('invite').bytes(32),
        expiresAt: world.scheduler.now + YEAR_MS,
      },
      world.scheduler.now,
    )
    this.grid = founded.grid
    this.invite = founded.invite
    this.#named = new Map(this.all.map(({ name, machine }) => [name, machine.address]))
    this.#statements = [...founded.statements]
  }

  get all(): readonly Friend[] {
    return this.#all
  }

  /** Somebody joins: the founder's word, told to everybody who serves now. */
  add(name: string, options: FriendOptions = {}): Friend {
    const [founder] = this.#all
    assert(founder !== undefined, 'a grid has a founder')
    const random = this.#world.random.fork(`friend ${name}`)
    const machine = this.#world.addMachine(name, options)
    const key = signingKeyFromSeed(random.fork('key').bytes(32))
    const friend: Friend = { name, machine, key, isLost: false, help: [], node: undefined }
    const statement = signStatement(
      {
        version: 1,
        grid: this.grid,
        type: 'admit',
        subject: peerIdOf(key.publicKey),
        role: 'peer',
        issuer: peerIdOf(founder.key.publicKey),
        issuedAt: Math.floor(this.#world.scheduler.now),
        name,
        domain: options.domain ?? `home of ${name}`,
        addresses: machine.address === undefined ? [] : [machine.address],
      },
      founder.key,
    )
    this.#statements.push(statement)
    // Who crashes meanwhile, or cannot keep it, hears of it later.
    for (const { node } of this.up) node?.roster.merge([statement]).catch(() => undefined)
    this.#all.push(friend)
    this.start(friend)
    return friend
  }

  /** Those who may come back. */
  get left(): readonly Friend[] {
    return this.all.filter(({ isLost }) => !isLost)
  }

  get up(): readonly Friend[] {
    return this.left.filter(({ machine }) => machine.isUp)
  }

  peerOf({ key }: Friend): PeerId {
    return peerIdOf(key.publicKey)
  }

  /** The founder's word for somebody else; to be given before friends start. */
  admit(subject: PeerId, about: Pick<Statement, 'role' | 'vault' | 'quota'>): void {
    const [founder] = this.all
    assert(founder !== undefined, 'a grid has a founder')
    const common = { version: 1, grid: this.grid, type: 'admit', subject } as const
    const issued = { issuer: this.peerOf(founder), issuedAt: this.#world.scheduler.now }
    this.#statements.push(signStatement({ ...common, ...issued, ...about }, founder.key))
  }

  /** The friend's multiaddr with its identity, as it is told to others. */
  addressOf({ machine, key }: Friend): string {
    return `${machine.address}/p2p/${peerIdOf(key.publicKey)}`
  }

  /**
   * How somebody comes in, late: an invite lies in a drawer, and leads nowhere once everybody it names has
   * moved or gone; then a friend says where it is.
   *
   * @param isTrusted - of whom somebody would ask that
   */
  door(isTrusted: (friend: Friend) => boolean): { invite: string } | { peer: string } {
    const open = this.left.filter((one) => one.machine.address !== undefined && isTrusted(one))
    const isWhereItWas = ({ name, machine }: Friend): boolean =>
      this.#named.get(name) === machine.address
    const [friend] = open
    if (friend === undefined || open.some(isWhereItWas)) return { invite: this.invite }
    return { peer: this.addressOf(friend) }
  }

  startAll(): void {
    for (const friend of this.left) this.start(friend)
  }

  /** Boot the machine if need be, and run its peer until the next crash. */
  start(friend: Friend): void {
    const { machine, key } = friend
    if (!machine.isUp) machine.boot()
    friend.node = undefined
    const program = machine.start(async (ports, signal) => {
      const guise = this.guiseOf(friend)
      const own = await ports.network(key.seed)
      const network = guise?.network?.(own) ?? own
      if (guise?.program !== undefined) return await guise.program(network)
      const disk = guise?.disk?.(ports.disk) ?? ports.disk
      const { openDatabase, setDatabaseAside } = ports
      const helper = { openDatabase, setDatabaseAside, compute: () => ports.compute(codecs) }
      const { help } = friend
      const grid = { grid: this.grid, statements: this.#statements }
      const each = this.#each(this.#all.indexOf(friend))
      friend.node = await startPeer(
        { ...ports, disk, network, database: openDatabase('peer'), helper },
        { key, capacity: CAPACITY, reserve: 0, ...grid, help, ...each },
        signal,
      )
    })
    program.result.catch((error: unknown) => {
      if (error instanceof MachineCrashed || this.isExpected(friend, error as Error)) return
      this.#failures.push(error as Error)
    })
  }

  /** Somebody runs his peer anew, with a cap that he was given; or runs it so once his computer is on. */
  helpWith(friend: Friend, cap: RepairCap): void {
    friend.help.push(cap)
    if (!friend.machine.isUp) return
    friend.machine.crash('kill')
    this.start(friend)
  }

  crash(friend: Friend, kind: 'kill' | 'power' = 'power'): void {
    friend.machine.crash(kind)
  }

  /** The friend and all it held are gone. */
  lose(friend: Friend): void {
    assert(!friend.isLost, 'a friend is lost once')
    friend.isLost = true
    friend.machine.crash('power')
    friend.machine.wipe()
    this.#world.trace.add(friend.name, 'friend.lost')
  }

  /** @throws what a peer died of, if it was not a crash */
  assertHealthy(): void {
    const [failure] = this.#failures
    if (failure !== undefined) throw failure
  }
}
