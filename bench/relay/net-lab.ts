/**
 * Net lab: an internet of network namespaces on this machine, with homes behind routers that translate
 * addresses. Needs Linux, root, and the programs `ip` and `iptables`.
 *
 *     internet   a bridge; every host and router has an address of 5.0.0.0/8 and of 2a0c:1::/64
 *     home       a router that lets connections out and none in, and a network 192.168.N.0/24
 *
 * Processes that a machine was given are ended with the lab.
 */

import { execFileSync, spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import process from 'node:process'

/** @returns why there can be no lab here; `undefined` if there can */
export function labMissing(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces need Linux'
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  const probe = `cairn-probe-${process.pid}`
  try {
    run('ip', ['netns', 'add', probe])
  } catch {
    return 'no network namespace can be made here (is iproute2 installed?)'
  }
  try {
    run('ip', ['netns', 'exec', probe, 'iptables', '-t', 'nat', '-L', '-n'])
    return undefined
  } catch {
    return 'addresses cannot be translated here (is iptables installed?)'
  } finally {
    run('ip', ['netns', 'del', probe])
  }
}

/** A machine in the lab. */
export class LabMachine {
  /** Name of its namespace. */
  readonly space: string
  /** IPv4, where others in the same network reach it; none where it has IPv6 only. */
  address: string
  readonly address6: string
  readonly #lab: NetLab

  constructor(lab: NetLab, space: string, address: string, address6: string) {
    this.#lab = lab
    this.space = space
    this.address = address
    this.address6 = address6
  }

  /** Start a program here. */
  start(
    command: readonly string[],
    options: { readonly env?: NodeJS.ProcessEnv; readonly cwd?: string } = {},
  ): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.space, ...command], {
      ...options,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#lab.running.add(child)
    child.on('close', () => this.#lab.running.delete(child))
    return child
  }

  /** Run a short command here. */
  run(...command: readonly string[]): string {
    return run('ip', ['netns', 'exec', this.space, ...command])
  }

  /** The machine gets another address of the internet, and loses the one it had. */
  move(): void {
    const old = this.address
    this.address = this.#lab.nextAddress()
    this.run('ip', 'addr', 'del', `${old}/8`, 'dev', 'e0')
    this.run('ip', 'addr', 'add', `${this.address}/8`, 'dev', 'e0')
  }
}

/** A home: a router, and machines behind it. */
export class LabHome {
  readonly router: LabMachine
  readonly #lab: NetLab
  readonly #number: number
  #machines = 0

  constructor(lab: NetLab, router: LabMachine, number: number) {
    this.#lab = lab
    this.router = router
    this.#number = number
  }

  /** The router's address in the home. */
  get lanAddress(): string {
    return `192.168.${this.#number}.1`
  }

  /** The machine gets another address in the home, as from a router that forgot the old one. */
  renumber(machine: LabMachine): void {
    const old = machine.address
    machine.address = this.#nextAddress()
    machine.run('ip', 'addr', 'del', `${old}/24`, 'dev', 'e0')
    machine.run('ip', 'addr', 'add', `${machine.address}/24`, 'dev', 'e0')
    machine.run('ip', 'route', 'replace', 'default', 'via', this.lanAddress)
  }

  /** A machine in this home's network. */
  machine(): LabMachine {
    const address = this.#nextAddress()
    const machine = this.#lab.join(this.router.space, 'lan', address, '')
    machine.run('ip', 'addr', 'add', `${address}/24`, 'dev', 'e0')
    machine.run('ip', 'route', 'add', 'default', 'via', this.lanAddress)
    return machine
  }

  #nextAddress(): string {
    return `192.168.${this.#number}.${10 + this.#machines++}`
  }
}

export class NetLab {
  readonly running = new Set<ChildProcess>()
  readonly #id = `c${randomBytes(3).toString('hex')}`
  readonly #spaces: string[] = []
  readonly #internet: string
  #addresses = 0
  #homes = 0

  constructor() {
    this.#internet = this.#space()
    run('ip', ['-n', this.#internet, 'link', 'add', 'net', 'type', 'bridge'])
    run('ip', ['-n', this.#internet, 'link', 'set', 'net', 'up'])
  }

  nextAddress(): string {
    return `5.1.${this.#homes}.${++this.#addresses}`
  }

  /** A machine that everybody can dial. */
  host(options: { readonly isIp6Only?: boolean } = {}): LabMachine {
    const address = this.nextAddress()
    const address6 = `2a0c:1::${this.#addresses}`
    const isIp6Only = options.isIp6Only === true
    const machine = this.join(this.#internet, 'net', isIp6Only ? '' : address, address6)
    if (!isIp6Only) machine.run('ip', 'addr', 'add', `${address}/8`, 'dev', 'e0')
    machine.run('ip', 'addr', 'add', `${address6}/64`, 'dev', 'e0', 'nodad')
    return machine
  }

  /** A home behind a router that translates addresses. */
  home(): LabHome {
    const number = ++this.#homes
    const router = this.host()
    router.run('ip', 'link', 'add', 'lan', 'type', 'bridge')
    router.run('ip', 'addr', 'add', `192.168.${number}.1/24`, 'dev', 'lan')
    router.run('ip', 'link', 'set', 'lan', 'up')
    router.run('sysctl', '-qw', 'net.ipv4.ip_forward=1')
    router.run('iptables', '-t', 'nat', '-A', 'POSTROUTING', '-o', 'e0', '-j', 'MASQUERADE')
    router.run('iptables', '-P', 'FORWARD', 'DROP')
    router.run('iptables', '-A', 'FORWARD', '-i', 'lan', '-j', 'ACCEPT')
    // What was asked for from inside, and ports that were forwarded.
    const known = 'ESTABLISHED,RELATED,DNAT'
    router.run('iptables', '-A', 'FORWARD', '-m', 'conntrack', '--ctstate', known, '-j', 'ACCEPT')
    return new LabHome(this, router, number)
  }

  /** Give a new machine a cable to a bridge. */
  join(bridgeSpace: string, bridge: string, address: string, address6: string): LabMachine {
    const space = this.#space()
    const port = `p${space.slice(-10)}`
    run('ip', [
      'link',
      'add',
      'e0',
      'netns',
      space,
      'type',
      'veth',
      'peer',
      port,
      'netns',
      bridgeSpace,
    ])
    run('ip', ['-n', bridgeSpace, 'link', 'set', port, 'master', bridge, 'up'])
    run('ip', ['-n', space, 'link', 'set', 'e0', 'up'])
    return new LabMachine(this, space, address, address6)
  }

  async close(): Promise<void> {
    const ended = [...this.running].map(
      (child) => new Promise<void>((resolve) => child.once('close', () => resolve())),
    )
    for (const child of this.running) child.kill('SIGKILL')
    await Promise.all(ended)
    for (const space of this.#spaces.splice(0)) run('ip', ['netns', 'del', space])
  }

  #space(): string {
    const space = `${this.#id}n${this.#spaces.length}`
    run('ip', ['netns', 'add', space])
    this.#spaces.push(space)
    run('ip', ['-n', space, 'link', 'set', 'lo', 'up'])
    return space
  }
}

function run(program: string, args: readonly string[]): string {
  return execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
