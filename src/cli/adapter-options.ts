/** Adapter options: which source adapters a backup asks. */

import { InvalidArgumentError } from 'commander'
import { ADAPTER_NAMES } from '../node/open-sources.ts'
import type { AdapterName } from '../source/adapters/source-adapter.ts'

export interface AdapterSwitch {
  readonly name: AdapterName
  readonly isOn: boolean
}

/** For an option that may be given several times: `sqlite=off`. */
export function adapterOption(text: string, previous: readonly AdapterSwitch[]): AdapterSwitch[] {
  const [word, state, ...rest] = text.split('=')
  const name = ADAPTER_NAMES.find((each) => each === word)
  if (name === undefined || rest.length > 0 || (state !== 'on' && state !== 'off')) {
    throw new InvalidArgumentError(`Expected ${ADAPTER_NAMES.join(' or ')}, and =on or =off.`)
  }
  return [...previous, { name, isOn: state === 'on' }]
}

/** @returns the adapters to ask: an option beats the config, a later option an earlier one */
export function wantedAdapters(
  config: Readonly<Record<AdapterName, boolean>>,
  switches: readonly AdapterSwitch[],
): AdapterName[] {
  return ADAPTER_NAMES.filter((name) => {
    const last = switches.findLast((each) => each.name === name)
    return last?.isOn ?? config[name]
  })
}
