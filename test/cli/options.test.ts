import { describe, expect, it } from 'vitest'
import { mapOf } from '../../src/cli/map-options.ts'
import { pathBytes } from '../../src/cli/options.ts'

describe('paths on the command line', () => {
  it('begin at the folder that one is in', () => {
    expect(text(pathBytes('a/../b/', '/home/anna'))).toBe('/home/anna/b')
    expect(text(pathBytes('.', '/home/anna'))).toBe('/home/anna')
  })

  it('mean no folder where they are empty, least of all the one that one is in', () => {
    expect(() => pathBytes('', '/home/anna')).toThrow('a path is empty')
  })

  it('may be empty where a map leads to: that is the target itself', () => {
    const { map } = mapOf({ map: ['/a=', 'b=c'], stripComponents: 0 }, '/home/anna')
    expect(map.map(({ from, to }) => [text(from), text(to)])).toEqual([
      ['/a', '/'],
      ['/home/anna/b', '/c'],
    ])
  })
})

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString()
}
