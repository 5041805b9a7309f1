/**
 * Helper service: a peer looks after the vaults whose repair caps it was given.
 *
 * Every few hours, at times that chance sets, it does one round for each vault (helper-round.ts). Two
 * helpers of one vault hardly ever work at the same moment; where they do, each asks who holds what once
 * more before it makes anything.
 */

import { CairnError, DiskError } from '../base/errors.ts'
import { toDatabaseError } from '../base/database-error.ts'
import type { VaultId } from '../../protocol/ids.ts'
import type { Disk } from '../ports/disk.ts'
import type { Random } from '../ports/random.ts'
import type { HelpedVault, HelpedVaults } from '../store/helped-vaults.ts'
import { HELPER_BOOK_SCHEMA } from './helper-book.ts'
import { writeHelpReport, type HelpReport } from './help-reports.ts'
import { helpOnce, ROUND_BUDGET, type HelperParts } from './helper-round.ts'

const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

/** From the start with a new cap to the first round: whoever gave it wants to see it work. */
const NEW_CAP_MS = { min: 1000, max: 5000 } as const

/** From any other start to the first round: peers that start together do not work together. */
const FIRST_MS = { min: 2 * MINUTE_MS, max: 30 * MINUTE_MS } as const

/** From the end of a round to the next, where nothing else is said. */
const ROUND_MS = { min: 3 * HOUR_MS, max: 6 * HOUR_MS } as const

export interface Span {
  readonly min: number
  readonly max: number
}

export interface HelperServiceOptions {
  /** Bytes from and to peers that one round may take for repairs. */
  readonly budget?: number
  /** Whether it was just given somebody to help. */
  readonly hasNewCap?: boolean
  /** From the end of a round to the next, ms. */
  readonly everyMs?: Span | undefined
}

export interface HelperServiceParts extends HelperParts {
  readonly disk: Disk
  readonly helped: HelpedVaults
}

export class HelperService {
  readonly #parts: HelperServiceParts
  readonly #budget: number
  readonly #hasNewCap: boolean
  readonly #everyMs: Span

  constructor(parts: HelperServiceParts, options: HelperServiceOptions = {}) {
    this.#parts = parts
    this.#budget = options.budget ?? ROUND_BUDGET
    this.#hasNewCap = options.hasNewCap ?? false
    this.#everyMs = options.everyMs ?? ROUND_MS
    parts.database.exec(HELPER_BOOK_SCHEMA)
  }

  /**
   * Help until the signal aborts. May be called again afterwards.
   *
   * @throws the signal's reason, unchanged
   */
  async run(signal: AbortSignal): Promise<never> {
    const { clock, random } = this.#parts
    for (let span: Span = this.#hasNewCap ? NEW_CAP_MS : FIRST_MS; ; span = this.#everyMs) {
      await clock.sleep(within(span, random), signal)
      await this.help(signal)
    }
  }

  /** One round now, for each vault that is looked after. What goes wrong is told to the log. */
  async help(signal: AbortSignal): Promise<void> {
    for (const vault of await this.#helped()) await this.#round(vault, signal)
  }

  /** As they are on the disk now. */
  async #helped(): Promise<HelpedVault[]> {
    const { helped, log } = this.#parts
    try {
      await helped.reload()
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      log.error('repair caps cannot be read', { error: error.name, why: error.message })
    }
    return helped.all()
  }

  /** A disk that is full must not keep a peer from helping. */
  async #tell(vault: VaultId, report: HelpReport): Promise<void> {
    const { disk, log } = this.#parts
    try {
      await writeHelpReport(disk, vault, report)
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      log.error('help report not written', { vault, error: error.name, why: error.message })
    }
  }

  async #round(helped: HelpedVault, signal: AbortSignal): Promise<void> {
    const { vault } = helped.cap
    const { clock, log } = this.#parts
    try {
      const outcome = await helpOnce(this.#parts, helped, { budget: this.#budget }, signal)
      await this.#tell(vault, { at: clock.now(), outcome })
      const { type, verdicts, ...fields } = outcome
      if (type === 'replaced') {
        log.warn('helping ended: the vault has a newer device, ask its owner for a new cap', {
          vault,
        })
      } else
        log.info(type === 'helped' ? 'helped' : 'no head to help', {
          vault,
          ...fields,
          ...verdicts,
        })
    } catch (cause) {
      const error = toDatabaseError('helper', cause)
      if (signal.aborted || !(error instanceof CairnError)) throw cause
      await this.#tell(vault, { at: clock.now(), trouble: error.message })
      log.warn('could not help', { vault, error: error.name, why: error.message })
    }
  }
}

function within({ min, max }: Span, random: Random): number {
  const [high = 0, low = 0] = random.bytes(2)
  return min + ((max - min) * (256 * high + low)) / 65_535
}
