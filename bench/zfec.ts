/** zfec, the reference for erasure coding: its rates, asked of the Python that has it. */

import { execFileSync } from 'node:child_process'
import type { Code } from '../src/codec/erasure.ts'

/** The system's own, where Debian's python3-zfec is; another one is asked next. */
const PYTHONS = ['/usr/bin/python3', 'python3']

const SCRIPT = `
import json, os, sys, time
import zfec
needed, total, size = map(int, sys.argv[1:])
blocks = [os.urandom(size) for _ in range(needed)]
encoder, decoder = zfec.Encoder(needed, total), zfec.Decoder(needed, total)
lost = min(needed, total - needed)
pieces = encoder.encode(blocks)
kept = list(range(lost, lost + needed))

def rate(run):
    rates = []
    for _ in range(6):
        began, count = time.process_time(), 0
        while time.process_time() - began < 0.3:
            run()
            count += 1
        rates.append(count * needed * size / 1e6 / (time.process_time() - began))
    return sorted(rates[1:])[2]

print(json.dumps({
    'encode': rate(lambda: encoder.encode(blocks)),
    'decode': rate(lambda: decoder.decode([pieces[n] for n in kept], kept)),
}))
`

/** @returns MB of source per CPU-second, or undefined where there is no zfec */
export function zfecRates(
  { needed, total }: Code,
  shardSize: number,
): { encode: number; decode: number } | undefined {
  const args = ['-c', SCRIPT, ...[needed, total, shardSize].map(String)]
  for (const python of PYTHONS) {
    try {
      const stdio = ['ignore', 'pipe', 'ignore'] as const
      const text = execFileSync(python, args, { encoding: 'utf8', stdio: [...stdio] })
      return JSON.parse(text) as { encode: number; decode: number }
    } catch {
      // No such Python, or it has no zfec.
    }
  }
  return undefined
}
