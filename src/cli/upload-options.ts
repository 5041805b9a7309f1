/** Upload options: how a snapshot is called, how it is coded, and what goes first. */

import { constants, hostname, setPriority } from 'node:os'
import { InvalidArgumentError, Option, type Command } from 'commander'
import type { PathWeight, UploadRequest } from '../node/client.ts'
import { adapterOption, wantedAdapters, type AdapterSwitch } from './adapter-options.ts'
import { CHECKPOINT_MINUTES_MAX, type Config } from './config.ts'
import type { Context } from './context.ts'
import {
  codeOption,
  collect,
  countOption,
  parseCode,
  pathBytes,
  sizeOption,
  type CodeOption,
} from './options.ts'
import { LIMIT_UPLOAD_WORDS, ratesOption, type Rates } from './rates.ts'

export interface UploadOptions extends WeightOptions {
  readonly host?: string
  readonly tag: readonly string[]
  readonly code?: CodeOption
  readonly allowFew?: boolean
  readonly checkpoint?: number
  readonly adapter: readonly AdapterSwitch[]
  readonly asIs: readonly string[]
  readonly limitUpload?: Rates
  readonly priority?: 'low' | 'normal'
  readonly spool?: string
  readonly spoolLimit?: number
}

export interface WeightOptions {
  readonly weight: readonly GivenWeight[]
}

interface GivenWeight {
  readonly path: string
  readonly weight: number
}

/** Add the options to a command. */
export function withUploadOptions(command: Command): Command {
  return withWeightOption(command)
    .option('--host <name>', 'name of this computer in the list of snapshots')
    .option('--tag <tag>', 'mark the snapshot; may be given several times', collect, [])
    .option('--code <k-of-n>', 'any K of N peers bring everything back', codeOption)
    .option('--allow-few', 'accept a grid of fewer than three peers')
    .option(
      '--checkpoint <minutes>',
      'publish what is done so often; 0 for only at the end; default: 30',
      countOption(0, CHECKPOINT_MINUTES_MAX),
    )
    .option(
      '--adapter <name=on|off>',
      'whether databases of this kind (sqlite, zodb) are kept as of a safe moment; default: on',
      adapterOption,
      [],
    )
    .option('--as-is <path>', 'read databases here as plain files; several times', collect, [])
    .option('--limit-upload <rate>', LIMIT_UPLOAD_WORDS, ratesOption)
    .addOption(
      new Option(
        '--priority <which>',
        'against other programs; default: backup.priority, or low',
      ).choices(['low', 'normal']),
    )
    .option('--spool <folder>', 'where to copy files that change while they are read')
    .option('--spool-limit <size>', 'copy files up to this: 4GB, 0 for none', sizeOption)
}

/** Let other programs go first, unless it was said otherwise. */
export function giveWay(config: Config, { priority }: Pick<UploadOptions, 'priority'>): void {
  if ((priority ?? config.backup.priority) !== 'low') return
  try {
    setPriority(constants.priority.PRIORITY_BELOW_NORMAL)
  } catch {
    // A container may forbid it, and nobody is harmed.
  }
}

export function withWeightOption(command: Command): Command {
  const text = 'upload what is in PATH before what weighs less; everything else weighs 0'
  return command.option('--weight <path=number>', text, addWeight, [])
}

export function readUpload(
  context: Context,
  config: Config,
  options: UploadOptions,
): Omit<UploadRequest, 'onProgress' | 'onFileError'> {
  const { backup } = config
  const code = options.code ?? parseCode(backup.code ?? '')
  const checkpoint = options.checkpoint ?? backup.checkpoint
  const copySizeMax = options.spoolLimit ?? backup['spool-limit']
  return {
    host: options.host ?? backup.host ?? hostname(),
    tags: [...backup.tags, ...options.tag],
    ...(code === undefined ? {} : { code }),
    allowFew: options.allowFew === true || backup['allow-few'],
    weights: readWeights(context, config, options),
    ...(copySizeMax === undefined ? {} : { copySizeMax }),
    ...(checkpoint === 0 ? {} : { checkpointMs: checkpoint * 60_000 }),
    adapters: wantedAdapters(config.adapters, options.adapter),
    asTheyAre: [...config.adapters.except, ...options.asIs].map((path) =>
      pathBytes(path, context.workingFolder),
    ),
    rebuild: config.rebuild,
    repair: config.repair,
  }
}

export function readWeights(
  context: Context,
  config: Config,
  { weight }: WeightOptions,
): PathWeight[] {
  const fromConfig = Object.entries(config.backup.weights).map(([path, each]) => ({
    path,
    weight: each,
  }))
  return [...fromConfig, ...weight].map((each) => ({
    path: pathBytes(each.path, context.workingFolder),
    weight: each.weight,
  }))
}

function addWeight(text: string, previous: readonly GivenWeight[]): GivenWeight[] {
  const at = text.lastIndexOf('=')
  const number = text.slice(at + 1)
  if (at < 1 || !/^-?\d{1,6}$/.test(number)) {
    throw new InvalidArgumentError('Expected PATH=NUMBER, for instance ~/Documents=10.')
  }
  return [...previous, { path: text.slice(0, at), weight: Number(number) }]
}
