/** `--map` and `--strip-components`: where what comes back goes. */

import type { Command } from 'commander'
import { UsageError } from '../base/errors.ts'
import { collect, countOption, pathBytes } from './options.ts'

/** No path has more names than bytes. */
const STRIP_MAX = 4096

export interface MapOptions {
  readonly map: readonly string[]
  readonly stripComponents: number
}

export interface MapRequest {
  readonly map: readonly { readonly from: Uint8Array; readonly to: Uint8Array }[]
  readonly stripCount: number
}

export function mapOptions(command: Command): Command {
  return command
    .option('--map <from=to>', 'put what was under FROM under TO', collect, [])
    .option(
      '--strip-components <count>',
      'leave out so many folders at the front of each path',
      countOption(0, STRIP_MAX),
      0,
    )
}

/** @throws {UsageError} a map says not from where to where */
export function mapOf({ map, stripComponents }: MapOptions, workingFolder: string): MapRequest {
  return { map: map.map((rule) => mapRule(rule, workingFolder)), stripCount: stripComponents }
}

/** @returns the rule in `FROM=TO`: what stands before the first `=`, and after it */
function mapRule(text: string, workingFolder: string): MapRequest['map'][number] {
  const at = text.indexOf('=')
  if (at < 1) throw new UsageError(`"${text}" is no map: write --map FROM=TO`)
  return {
    from: pathBytes(text.slice(0, at), workingFolder),
    // From the target on, so that a slash at the front says nothing.
    to: pathBytes(`/${text.slice(at + 1)}`, '/'),
  }
}
