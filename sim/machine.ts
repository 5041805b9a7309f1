/**
 * Machine: a computer with its disk, databases and files, and the programs that run on it.
 *
 * A program is started with the ports of the machine's present life. A crash ends that life: the
 * program stands still for ever, whoever waits for it gets a MachineCrashed, and the next program
 * finds what the crash has left.
 */

import type { DatabaseSync } from 'node:sqlite'
import { peerIdOf } from '../protocol/peer-id.ts'
import { signingKeyFromSeed } from '../protocol/signing.ts'
import type { FileTime } from '../src/ports/files.ts'
import type { CodecTable } from '../src/ports/compute.ts'
import type { Network } from '../src/ports/network.ts'
import { SimClock, type ClockError } from './clock.ts'
import { SimCompute } from './compute.ts'
import { SimDatabases } from './databases.ts'
import { DiskTrouble, SimDisk } from './disk.ts'
import { MachineCrashed } from './errors.ts'
import { FileTree } from './file-tree.ts'
import { FilesTrouble, SimFiles } from './files.ts'
import type { Line } from './internet.ts'
import { Life } from './life.ts'
import { SimLog } from './log.ts'
import { SimNetwork } from './network.ts'
import type { SimRandom } from './random.ts'
import { type SavedFile, Volume } from './volume.ts'
import type { World } from './world.ts'

export interface MachineOptions {
  readonly line?: Partial<Line>
  readonly clock?: ClockError
  /** Whether others can dial it; else it only dials. */
  readonly isReachable?: boolean
  /** Step of the file system's clock, nanoseconds: 1, 4 ms on ext4, 2 s on FAT. */
  readonly fileTimeStep?: number
  /** How far the file system's clock is ahead of the machine's, as a file server's may be, ms. */
  readonly fileTimeAheadMs?: number
}

/** Everything a program on this machine may use. */
export interface MachinePorts {
  readonly clock: SimClock
  readonly random: SimRandom
  readonly disk: SimDisk
  readonly files: SimFiles
  readonly log: SimLog
  /** @param seed - 32 bytes, the program's identity */
  readonly network: (seed: Uint8Array) => Promise<Network>
  readonly compute: <Table extends CodecTable>(table: Table) => SimCompute<Table>
  readonly openDatabase: (name: string) => DatabaseSync
  readonly setDatabaseAside: (name: string) => void
}

export interface SavedState {
  readonly files: readonly SavedFile[]
  readonly databases: ReadonlyMap<string, Uint8Array | undefined>
}

export type CrashKind = 'kill' | 'power'

/** A program at work. */
export interface Program<T> {
  /** @throws {MachineCrashed} once the machine crashed; else what the program gives or throws */
  readonly result: Promise<T>
  /** Ask the program to stop, as Ctrl-C does. */
  readonly stop: (reason: Error) => void
}

export class Machine {
  readonly name: string
  readonly volume: Volume
  readonly diskTrouble = new DiskTrouble()
  readonly tree: FileTree
  readonly filesTrouble = new FilesTrouble()
  readonly databases: SimDatabases
  readonly #world: World
  readonly #random: SimRandom
  readonly #options: MachineOptions
  #address: string | undefined
  readonly #networks = new Set<SimNetwork>()
  #life: Life
  #clock: SimClock
  #ports: MachinePorts
  #lives = 0
  #moves = 0
  #isDown = false
  #onCrash: ((error: MachineCrashed) => void)[] = []

  constructor(world: World, name: string, ordinal: number, options: MachineOptions = {}) {
    this.name = name
    this.#world = world
    this.#random = world.random.fork(`machine ${name}`)
    this.#options = options
    this.#address =
      options.isReachable === false
        ? undefined
        : `/ip4/10.0.${ordinal >> 8}.${ordinal & 255}/tcp/4001`
    world.internet.addHost(name, options.line)
    this.volume = new Volume(this.#random.fork('volume'))
    this.databases = new SimDatabases(this.#random.fork('databases'))
    this.#life = new Life(world.scheduler)
    this.#clock = this.#makeClock()
    this.tree = new FileTree(() => this.#fileTime())
    this.#ports = this.#makePorts()
  }

  /** Where others reach a program of this machine: a multiaddr without identity. */
  get address(): string | undefined {
    return this.#address
  }

  get clock(): SimClock {
    return this.#clock
  }

  get life(): Life {
    return this.#life
  }

  get isUp(): boolean {
    return !this.#isDown && !this.#life.isOver
  }

  /** The ports of the present life. */
  get ports(): MachinePorts {
    return this.#ports
  }

  /** Start a program in the present life. */
  start<T>(program: (ports: MachinePorts, signal: AbortSignal) => Promise<T>): Program<T> {
    if (!this.isUp) throw new Error(`${this.name} is down`)
    const controller = new AbortController()
    const result = new Promise<T>((resolve, reject) => {
      this.#onCrash.push(reject)
      const life = this.#life
      program(this.#ports, controller.signal).then(
        (value) => life.isOver || resolve(value),
        (error: unknown) => life.isOver || reject(error as Error),
      )
    })
    // Whoever started it may look at it only later, or never.
    result.catch(() => undefined)
    return { result, stop: (reason) => controller.abort(reason) }
  }

  /** @returns what the program gives @throws {MachineCrashed} */
  run<T>(program: (ports: MachinePorts, signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.start(program).result
  }

  /** All programs end now. Nothing more comes from them. */
  crash(kind: CrashKind = 'power'): void {
    if (this.#isDown) return
    this.#isDown = true
    const isPowerCut = kind === 'power'
    this.#life.end()
    const losses = this.databases.crash(isPowerCut)
    const torn = isPowerCut ? this.volume.cutPower() : 0
    this.#world.internet.vanish(this.name, isPowerCut)
    this.#world.trace.add(this.name, 'machine.crash', { kind, losses: losses.join(', '), torn })
    const error = new MachineCrashed(this.name)
    for (const reject of this.#onCrash.splice(0)) reject(error)
  }

  /** Begin a new life, after a crash or in place of the present one. */
  boot(): void {
    this.crash('kill')
    this.#isDown = false
    this.#lives++
    this.#life = new Life(this.#world.scheduler)
    this.#clock = this.#makeClock()
    this.#ports = this.#makePorts()
    this.#world.internet.returned(this.name)
    this.#world.trace.add(this.name, 'machine.boot', { life: this.#lives })
  }

  /** The machine gets another address, as from a provider, and keeps running. */
  move(): void {
    if (this.#address === undefined) return
    this.#moves += 1
    this.#address = this.#address.replace(/^\/ip4\/\d+/, `/ip4/${10 + this.#moves}`)
    for (const network of this.#networks) {
      if (!network.life.isOver) network.moveTo(this.#address)
    }
  }

  /** A copy of all our own state, as a person's disk image has it. The machine must be down. */
  saveState(): SavedState {
    this.#assertDown()
    return { files: this.volume.save(), databases: this.databases.save() }
  }

  /** Our own state is again what it was. The machine must be down. */
  returnTo({ files, databases }: SavedState): void {
    this.#assertDown()
    this.volume.become(files)
    this.databases.become(databases)
  }

  /** Lose all of our own state; the person's files stay. The machine must be down. */
  wipe(): void {
    this.#assertDown()
    this.volume.wipe()
    this.databases.wipe()
  }

  #assertDown(): void {
    if (this.isUp) throw new Error(`${this.name} is up`)
  }

  #makeClock(): SimClock {
    const random = this.#random.fork(`clock ${this.#lives}`)
    return new SimClock(this.#world.scheduler, this.#life, random, this.#options.clock)
  }

  #makePorts(): MachinePorts {
    const life = this.#life
    const random = this.#random.fork(`life ${this.#lives}`)
    const { internet, trace } = this.#world
    return {
      clock: this.#clock,
      random: random.fork('bytes'),
      disk: new SimDisk(this.volume, {
        life,
        random: random.fork('disk'),
        trouble: this.diskTrouble,
        onCut: () => this.#crashSoon(),
        onStep: ({ operation, path }) => trace.add(this.name, `disk.${operation}`, { path }),
      }),
      files: new SimFiles({
        tree: this.tree,
        life,
        random: random.fork('files'),
        trouble: this.filesTrouble,
      }),
      log: new SimLog(this.name, trace, life),
      network: async (seed) => {
        await life.pass(1)
        const self = peerIdOf(signingKeyFromSeed(seed).publicKey)
        const host = this.name
        const address = this.#address
        const chance = random.fork(`network ${self}`)
        const made = new SimNetwork({ internet, host, self, life, random: chance, address })
        // What is closed is nobody's, and would keep alive whoever used it.
        for (const one of this.#networks) if (one.isOver) this.#networks.delete(one)
        this.#networks.add(made)
        return made
      },
      compute: (table) => new SimCompute(table, life, random.fork('compute')),
      openDatabase: (name) => this.databases.open(name),
      setDatabaseAside: (name) => this.databases.setAside(name),
    }
  }

  /**
   * The power goes in the middle of a step. The ports are dead at once; the rest follows when the
   * code that is running now has come to its next wait.
   */
  #crashSoon(): void {
    const life = this.#life
    this.#world.scheduler.after(0, () => {
      if (life === this.#life) this.crash('power')
    })
  }

  #fileTime(): FileTime {
    const step = BigInt(this.#options.fileTimeStep ?? 1)
    const { fileTimeAheadMs = 0 } = this.#options
    const ns = BigInt(Math.floor((this.#clock.exact() + fileTimeAheadMs) * 1e3)) * 1000n
    const time = ns - (ns % step)
    return { seconds: Number(time / 1_000_000_000n), nanoseconds: Number(time % 1_000_000_000n) }
  }
}
