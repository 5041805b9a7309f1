import { InvalidArgumentError } from 'commander'
import { describe, expect, it } from 'vitest'
import { adapterOption, wantedAdapters } from '../../src/cli/adapter-options.ts'

describe('which adapters are asked', () => {
  const config = { sqlite: true, zodb: false }

  it('is as the config says, but for what options say', () => {
    expect(wantedAdapters(config, [])).toEqual(['sqlite'])
    expect(wantedAdapters(config, adapterOption('zodb=on', []))).toEqual(['sqlite', 'zodb'])
    const switches = adapterOption('sqlite=on', adapterOption('sqlite=off', []))
    expect(wantedAdapters(config, switches)).toEqual(['sqlite'])
  })

  it.each(['sqlite', 'sqlite=', 'sqlite=no', 'oracle=on', '', 'sqlite=on=off'])(
    'is not said by "%s"',
    (text) => expect(() => adapterOption(text, [])).toThrow(InvalidArgumentError),
  )
})
