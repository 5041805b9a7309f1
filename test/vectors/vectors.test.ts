import { readdirSync, readFileSync } from 'node:fs'

import { describe, expect, it } from 'vitest'

import { FormatError } from '../../protocol/errors.ts'

import { formats, vectorFolders, vectorModule, vectorPath } from './files.ts'
import { describeValue, formatVector, parseVector } from './format.ts'
import type { Vector, VectorModule } from './format.ts'

describe('vectors', () => {
  it('have a module for each folder and a folder for each module', () => {
    expect(vectorFolders()).toEqual(formats())
  })
})

describe.for(await Promise.all(formats().map(load)))(
  'vectors of $format',
  ({ format, module, files }) => {
    it('are the scenarios of their module, no more and no fewer', () => {
      const expected = module.scenarios.map(({ name }) => name).toSorted()
      expect(files.map(({ name }) => name)).toEqual(expected)
    })

    it('hold what their module writes', () => {
      const scenarios = new Map(module.scenarios.map((scenario) => [scenario.name, scenario]))
      for (const file of files) {
        const scenario = scenarios.get(file.name)
        expect(file).toEqual({ ...scenario, format, fields: scenario?.fields ?? {}, value: file.value })
      }
    })

    it.for(files)('$name: $expect', async (file) => {
      expect(await outcome(module, file)).toEqual(
        file.expect === 'success' ? { value: file.value } : { error: file.expect },
      )
    })
  },
)

describe('vector files', () => {
  it('come out as they went in', () => {
    const vector: Vector = {
      name: 'both-kinds-of-lines',
      format: 'example',
      expect: 'success',
      comment: 'colons: are allowed',
      fields: { key: '00ff' },
      value: '{"a":1}',
      bytes: new Uint8Array(100).fill(7),
    }
    const text = formatVector(vector)
    expect(parseVector(vector.name, text)).toEqual(vector)
    expect(text.split('\n').every((line) => line.length <= 64)).toBe(true)
  })
})

interface Loaded {
  readonly format: string
  readonly module: VectorModule
  readonly files: readonly Vector[]
}

async function load(format: string): Promise<Loaded> {
  const names = readdirSync(vectorPath(format))
    .map((name) => name.replace(/\.txt$/, ''))
    .toSorted()
  const files = names.map((name) =>
    parseVector(name, readFileSync(vectorPath(format, name), 'utf8')),
  )
  return { format, module: await vectorModule(format), files }
}

async function outcome(module: VectorModule, { bytes, fields }: Vector): Promise<object> {
  try {
    return { value: describeValue(await module.decode(bytes, fields)) }
  } catch (error) {
    if (!(error instanceof FormatError)) throw error
    return { error: error.name }
  }
}
