/**
 * Relay: how fast bytes go between two friends who can both only dial out, through a third.
 *
 * Three processes, each in a network namespace of its own on this machine, two of them behind routers
 * that translate addresses; the same bytes directly, for comparison. A rate is MB (10⁶ bytes) per second
 * of the wall clock, the median of several transfers.
 */

import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { BenchError } from './bench-error.ts'
import { median } from './measure/median.ts'
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
    const relay = (await told(friend, 'ready', ['relay', '1', listen])).at(1) ?? ''
    const target = (await told(other, 'ready', ['target', '2', listen, relay])).at(1) ?? ''
    const through = `${listen}/p2p/${relay}/p2p-circuit`
    say('relay: through a friend')
    const relayed = await rates(one, ['source', '3', through, target, String(SIZE)], 'relay')
    say('relay: directly')
    const direct = await rates(one, ['source', '3', listen, relay, String(SIZE)], 'ip4')
    return [{ relayedMBps: median(relayed), directMBps: median(direct) }]
  } finally {
    await lab.close()
  }
}

async function rates(machine: LabMachine, args: readonly string[], way: string): Promise<number[]> {
  const found: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const [, seconds, taken] = await told(machine, 'seconds', args)
    if (taken !== way) throw new BenchError(`relay: the way was ${taken ?? 'unknown'}, not ${way}`)
    found.push(SIZE / 1e6 / Number(seconds))
  }
  return found
}

/** @returns the words of the line that begins with `word` */
async function told(
  machine: LabMachine,
  word: string,
  args: readonly string[],
): Promise<readonly string[]> {
  const node = [process.execPath, '--disable-warning=ExperimentalWarning']
  const child = machine.start([...node, END, ...args])
  const text = { out: '', err: '' }
  return await new Promise((resolve, reject) => {
    child.stderr?.setEncoding('utf8').on('data', (part: string) => (text.err += part))
    child.stdout?.setEncoding('utf8').on('data', (part: string) => {
      text.out += part
      const line = text.out.split('\n').find((one) => one.startsWith(`${word} `))
      if (line !== undefined && text.out.includes(`${line}\n`)) resolve(line.split(' '))
    })
    child.on('close', () => reject(new BenchError(`relay: ${args[0]} ended: ${text.err}`)))
  })
}
