import { execFileSync } from 'node:child_process'

import { describe, expect, it, onTestFinished } from 'vitest'

import {
  ComputeStoppedError,
  WorkerCompute,
  WorkerLostError,
} from '../../src/adapters/worker-compute.ts'
import { FormatError } from '../../src/base/errors.ts'
import type { codecs as realCodecs } from '../../src/codec/codecs.ts'
import { computeSuite } from '../ports/compute.suite.ts'
import { noise, same } from '../ports/story.ts'
import { errorClasses } from '../ports/toy-codecs.ts'
import type { codecs } from '../ports/toy-codecs.ts'

const TOYS = new URL('../ports/toy-codecs.ts', import.meta.url)
const REAL = new URL('../../src/codec/codecs.ts', import.meta.url)

computeSuite('WorkerCompute', () => ({
  compute: new WorkerCompute<typeof codecs>({ table: TOYS, errors: errorClasses }),
}))

computeSuite('WorkerCompute of one thread', () => ({
  compute: new WorkerCompute<typeof codecs>({ table: TOYS, errors: errorClasses, threads: 1 }),
}))

describe('WorkerCompute', () => {
  it('takes the buffers it is given, so that nobody copies or shares them', async () => {
    const run = await toys().open('sum', { start: 0 })
    const bytes = noise(1_000_000)
    await run.push(bytes)
    expect(bytes.length).toBe(0)
  })

  it('leaves alone what lies around a view', async () => {
    const run = await toys().open('sum', { start: 0 })
    const bytes = Uint8Array.of(1, 2, 3, 4)
    await run.push(bytes.subarray(1, 2))
    await run.push(Buffer.from('pooled'))
    expect(bytes).toEqual(Uint8Array.of(1, 2, 3, 4))
  })

  it('gives an error of a class it was not told of as one of its family', async () => {
    const compute = toys([])
    const run = await compute.open('fails', { when: 'push', how: 'format' })
    const error: unknown = await run.push(Uint8Array.of(1)).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(FormatError)
    expect(error).toMatchObject({ name: 'ToyError', offset: 7 })
  })

  it('ends work under way when it is stopped', async () => {
    const compute = toys()
    const run = await compute.open('echo', { prefix: 1 })
    const pushing = run.push(noise(1000)).catch((reason: unknown) => reason)
    await compute.stop()
    expect(await pushing).toBeInstanceOf(ComputeStoppedError)
    await expect(run.close()).rejects.toThrow(/ended/)
  })

  it('says so when a table cannot be loaded, and does not wait for ever', async () => {
    const compute = new WorkerCompute({ table: new URL('no-such-table.ts', import.meta.url) })
    onTestFinished(() => compute.stop())
    await expect(compute.open('sum', { start: 0 })).rejects.toThrow(WorkerLostError)
    await expect(compute.open('sum', { start: 0 })).rejects.toThrow(WorkerLostError)
  })

  it('encodes and decodes packs with the codecs we have', async () => {
    const compute = new WorkerCompute<typeof realCodecs>({ table: REAL })
    onTestFinished(() => compute.stop())
    const pack = noise(1_000_000)
    const encoder = await compute.open('encodePack', { needed: 3, total: 6, leafSize: 16384 })
    const [encoded] = await encoder.push({ bytes: pack.slice(), size: pack.length })
    await encoder.close()
    expect(encoded?.pieces).toHaveLength(6)

    const pieces = [5, 1, 3].map((index) => ({ index, bytes: encoded!.pieces[index]! }))
    const decoder = await compute.open('decodePack', { manifest: encoded!.manifest })
    const [decoded] = await decoder.push(pieces)
    expect(same(decoded!, pack)).toBe(true)
  })

  it('lets the process end when there is nothing left to do', () => {
    const script = `
      import { WorkerCompute } from '${new URL('../../src/adapters/worker-compute.ts', import.meta.url).href}'
      const compute = new WorkerCompute({ table: new URL('${TOYS.href}') })
      const run = await compute.open('sum', { start: 40 })
      await run.push(Uint8Array.of(1, 1))
      console.log((await run.close())[0])
    `
    const output = execFileSync(process.execPath, ['--input-type=module', '--eval', script], {
      encoding: 'utf8',
      timeout: 30_000,
    })
    expect(output.trim()).toBe('42')
  })
})

function toys(errors = [...errorClasses]): WorkerCompute<typeof codecs> {
  const compute = new WorkerCompute<typeof codecs>({ table: TOYS, errors })
  onTestFinished(() => compute.stop())
  return compute
}
