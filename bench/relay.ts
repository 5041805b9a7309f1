/**
 * Relay: how fast bytes go between two friends who can both only dial out, through a third.
 *
 * Three processes, each in a network namespace of its own on this machine, two of them behind routers
 * that translate addresses; the same bytes directly, for comparison. Medians of several transfers; on a
 * machine that does other things too, CPU says more than the clock.
 */

import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { BenchError } from './bench-error.ts'
import { median } from './measure/median.ts'
import { cpuSecondsOf } from './measure/process-table.ts'
import { labMissing, NetLab, type LabMachine } from './relay/net-lab.ts'
import type { RelayResult } from './results.ts'

const END = fileURLToPath(new URL('relay/relay-end.ts', import.meta.url))
const SIZE = 256 * 1024 * 1024
const ROUNDS = 5

/** @returns nothing where there can be no namespaces */
export async function measureRelay(say: (line: string) => void): Promise<RelayResult[]> {
  const missing = labMissing()
  if (missing !== undefined) {
    say(`relay: left out, ${missing}`)
    return []
  }
  const lab = new NetLab()
  try {
    const [friend, one, other] = [lab.host(), lab.home().machine(), lab.home().machine()]
    const listen = `/ip4/${friend.address}/tcp/4280`
    const relay = await start(friend, ['relay', '1', listen])
    const target = await start(other, ['target', '2', listen, relay.peer])
    const others = { relay, target }
    const size = String(SIZE)
    say('relay: through a friend')
    const through = `${listen}/p2p/${relay.peer}/p2p-circuit`
    const relayed = ['source', '3', through, target.peer, size]
    const results = [await rate(one, relayed, 'relayed', others)]
    say('relay: directly')
    const direct = ['source', '3', listen, relay.peer, size]
    return [...results, await rate(one, direct, 'direct', others)]
  } finally {
    await lab.close()
  }
}

async function rate(
  machine: LabMachine,
  args: readonly string[],
  way: RelayResult['way'],
  { relay, target }: { readonly relay: End; readonly target: End },
): Promise<RelayResult> {
  const rounds: RelayResult[] = []
  // The first is not counted: code is compiled as it runs.
  for (let round = 0; round <= ROUNDS; round++) {
    const before = [cpuSecondsOf(relay.pid), cpuSecondsOf(target.pid)] as const
    const [, seconds, cpu, taken] = await start(machine, args).then(({ line }) => line)
    if (taken !== (way === 'relayed' ? 'relay' : 'ip4')) {
      throw new BenchError(`relay: the way was ${taken ?? 'unknown'}`)
    }
    if (round === 0) continue
    // The friends also took an eighth before the clock ran.
    const scale = 100e6 / SIZE
    rounds.push({
      way,
      mbPerSecond: SIZE / 1e6 / Number(seconds),
      cpuOfSource: Number(cpu) * scale,
      cpuOfRelay: ((cpuSecondsOf(relay.pid) - before[0]) * scale) / 1.125,
      cpuOfTarget: ((cpuSecondsOf(target.pid) - before[1]) * scale) / 1.125,
    })
  }
  const middle = (of: (one: RelayResult) => number) => median(rounds.map(of))
  return {
    way,
    mbPerSecond: middle((one) => one.mbPerSecond),
    cpuOfSource: middle((one) => one.cpuOfSource),
    cpuOfRelay: middle((one) => one.cpuOfRelay),
    cpuOfTarget: middle((one) => one.cpuOfTarget),
  }
}

interface End {
  readonly pid: number
  /** The words of its first line: `ready` and its identity, or what it measured. */
  readonly line: readonly string[]
  readonly peer: string
}

async function start(machine: LabMachine, args: readonly string[]): Promise<End> {
  const node = [process.execPath, '--disable-warning=ExperimentalWarning']
  const child = machine.start([...node, END, ...args])
  const text = { out: '', err: '' }
  return await new Promise((resolve, reject) => {
    child.stderr?.setEncoding('utf8').on('data', (part: string) => (text.err += part))
    child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      text.out += part
      const [first = '', rest] = text.out.split('\n')
      const line = first.split(' ')
      if (rest !== undefined) resolve({ pid: child.pid ?? 0, line, peer: line[1] ?? '' })
    })
    child.on('close', () => reject(new BenchError(`relay: ${args[0]} ended: ${text.err}`)))
  })
}
