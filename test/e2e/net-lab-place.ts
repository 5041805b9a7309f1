/**
 * Peers and laptops as real processes on the machines of a net lab, each with a folder of its own.
 */

import type { ChildProcess } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import process from 'node:process'

import type { LabMachine, NetLab } from '../../bench/relay/net-lab.ts'
import { askPeer } from '../../src/cli/grid/peer-control.ts'
import { jsonLines, PROGRAM, type Ended, type Place } from './cairn.ts'

/** Whatever is waited for comes within this, ms, or never; on a machine that is idle, in a few seconds. */
const WAIT_MS_MAX = 90_000

export interface LabPeer {
  readonly name: string
  readonly machine: LabMachine
  readonly child: ChildProcess
  readonly store: string
}

export class LabPlace {
  readonly lab: NetLab
  readonly place: Place
  #codes = 0

  constructor(lab: NetLab, place: Place) {
    this.lab = lab
    this.place = place
  }

  /** Start a storage peer. @returns once it serves */
  async peer(name: string, machine: LabMachine, ...options: readonly string[]): Promise<LabPeer> {
    const store = this.place.at(name)
    const args = ['peer', 'run', '--store', store, '--capacity', '10GB', '--reserve', '0', '--json']
    const listens = options.includes('--listen') ? [] : ['--listen', '/ip4/0.0.0.0/tcp/4280']
    const child = this.#start(machine, name, [...args, ...listens, '--name', name, ...options])
    await new Promise<void>((resolve, reject) => {
      const text = { out: '', err: '' }
      child.stderr?.setEncoding('utf8').on('data', (part: string) => (text.err += part))
      child.stdout?.setEncoding('utf8').on('data', (part: string) => {
        text.out += part
        if (text.out.includes('peer_started')) resolve()
      })
      child.on('close', () => reject(new Error(`${name} ended: ${text.err}`)))
    })
    return { name, machine, child, store }
  }

  /** A code of this peer's that brings in one friend. @returns the file it is in */
  async invite({ store }: LabPeer): Promise<string> {
    const wish = { expiresAt: Date.now() + 3_600_000, isAutomatic: true, wait: false }
    let file = ''
    await askPeer(store, 'invite', wish, AbortSignal.timeout(WAIT_MS_MAX), (event) => {
      if (typeof event['code'] === 'string') {
        file = this.place.write(`code-${++this.#codes}`, `${event['code']}\n`)
      }
      return undefined
    })
    return file
  }

  /** A peer that is invited by another. */
  async friend(
    name: string,
    machine: LabMachine,
    inviter: LabPeer,
    ...options: readonly string[]
  ): Promise<LabPeer> {
    const code = await this.invite(inviter)
    return await this.peer(name, machine, '--code-from', code, ...options)
  }

  /** A vault on this machine that is invited by a peer. */
  async vault(machine: LabMachine, home: string, inviter: LabPeer): Promise<void> {
    const code = await this.invite(inviter)
    await this.records(machine, home, ['init', '--words-to', this.place.at(`${home}.words`)])
    await this.records(machine, home, ['join', '--code-from', code])
  }

  /** Run a command on a machine to its end, in the home of this name. */
  async cairn(machine: LabMachine, home: string, args: readonly string[]): Promise<Ended> {
    const child = this.#start(machine, home, args)
    const text = { stdout: '', stderr: '' }
    child.stdout?.setEncoding('utf8').on('data', (part: string) => (text.stdout += part))
    child.stderr?.setEncoding('utf8').on('data', (part: string) => (text.stderr += part))
    return await new Promise((resolve) => {
      child.on('close', (code, signal) => resolve({ code, signal, ...text }))
    })
  }

  /** Run a command that must succeed, or end with `code`. @returns its JSON records */
  async records(
    machine: LabMachine,
    home: string,
    args: readonly string[],
    code = 0,
  ): Promise<Record<string, unknown>[]> {
    const ended = await this.cairn(machine, home, [...args, '--json'])
    if (ended.code !== code) {
      throw new Error(`cairn ${args.join(' ')} ended with ${ended.code}: ${ended.stderr}`)
    }
    return jsonLines(ended.stdout)
  }

  /** How the doctor of a laptop finds the peers, by name, once that is so. */
  async found(
    machine: LabMachine,
    home: string,
    isSo: (peers: ReadonlyMap<string, FoundPeer>) => boolean,
  ): Promise<ReadonlyMap<string, FoundPeer>> {
    const end = performance.now() + WAIT_MS_MAX
    for (;;) {
      const { stdout } = await this.cairn(machine, home, ['doctor', '--json'])
      const found = jsonLines(stdout).filter((one) => one['message_type'] === 'peer')
      const peers = new Map(found.map((one) => [String(one['name']), one as unknown as FoundPeer]))
      if (isSo(peers)) return peers
      if (performance.now() > end) throw new Error(`it never came to be so: ${stdout}`)
    }
  }

  #start(machine: LabMachine, home: string, args: readonly string[]): ChildProcess {
    mkdirSync(this.place.at(home), { recursive: true })
    return machine.start([process.execPath, ...PROGRAM, ...args], {
      cwd: this.place.folder,
      env: { ...process.env, CAIRN_HOME: this.place.at(home) },
    })
  }
}

export interface FoundPeer {
  readonly verdict?: string
  readonly link?: { readonly way: string; readonly relay?: string; readonly address: string }
  readonly relays: readonly string[]
  readonly peer: string
  readonly error?: string
}
