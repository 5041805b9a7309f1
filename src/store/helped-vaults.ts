/**
 * Helped vaults: the repair caps that friends gave this peer, on its own disk.
 *
 *     help/<vault>         the cap, for its owner only
 *     help/<vault>.report  what was last done for it (src/node/help-reports.ts)
 *     help/<vault>.bad     one that could not be read, set aside at start
 *
 * They are kept until the person who runs the peer stops helping, so the option that brought a cap need
 * not be given again. Of two caps of one vault the one of the later device is kept.
 */

import { fromUtf8, utf8 } from '../../protocol/bytes.ts'
import { encodeCap, requireCap, type RepairCap } from '../../protocol/cap.ts'
import { openCertificate } from '../../protocol/certificate.ts'
import { FormatError } from '../../protocol/errors.ts'
import type { VaultId } from '../../protocol/ids.ts'
import type { Disk } from '../ports/disk.ts'
import type { Log } from '../ports/log.ts'
import { readWhole, StateDamagedError, writeWhole } from './whole-file.ts'

export const HELP_FOLDER = 'help'
const BAD_SUFFIX = '.bad'

/** A vault this peer looks after. */
export interface HelpedVault {
  readonly cap: RepairCap
  /** Of the device that made the cap. */
  readonly epoch: number
}

export class HelpedVaults {
  readonly #disk: Disk
  readonly #log: Log
  readonly #vaults = new Map<VaultId, HelpedVault>()

  private constructor(disk: Disk, log: Log) {
    this.#disk = disk
    this.#log = log
  }

  static async open(disk: Disk, log: Log): Promise<HelpedVaults> {
    const helped = new HelpedVaults(disk, log)
    await helped.reload()
    return helped
  }

  /**
   * Read the caps anew: another command may have taken one away. One that was damaged meanwhile is still
   * known, and is written once more.
   *
   * @throws {DiskError}
   */
  async reload(): Promise<void> {
    const disk = this.#disk
    const found: HelpedVault[] = []
    for (const name of await disk.list(HELP_FOLDER)) {
      if (!/^[0-9a-f]{64}$/.test(name)) continue
      const path = `${HELP_FOLDER}/${name}`
      try {
        const bytes = await readWhole(disk, path)
        if (bytes !== undefined) found.push(helpedBy(requireCap(fromUtf8(bytes), 'repair')))
      } catch (error) {
        if (!(error instanceof FormatError || error instanceof StateDamagedError)) throw error
        const known = this.#vaults.get(name as VaultId)
        if (known === undefined) {
          this.#log.error('repair cap set aside', { path, error: error.name })
          await disk.rename(path, path + BAD_SUFFIX)
        } else {
          this.#log.warn('damaged repair cap written anew', { path, error: error.name })
          await writeWhole(disk, path, utf8(encodeCap(known.cap)))
          found.push(known)
        }
      }
    }
    this.#vaults.clear()
    for (const vault of found) this.#vaults.set(vault.cap.vault, vault)
  }

  /** @returns by vault id */
  all(): HelpedVault[] {
    return [...this.#vaults.values()].toSorted((a, b) => (a.cap.vault < b.cap.vault ? -1 : 1))
  }

  /**
   * Look after a vault from now on.
   *
   * @returns 'older' if a later device's cap is kept, which stays
   */
  async add(cap: RepairCap): Promise<'added' | 'known' | 'older'> {
    const before = this.#vaults.get(cap.vault)
    const vault = helpedBy(cap)
    if (before !== undefined && vault.epoch < before.epoch) return 'older'
    const text = encodeCap(cap)
    if (before !== undefined && encodeCap(before.cap) === text) return 'known'
    await writeWhole(this.#disk, `${HELP_FOLDER}/${cap.vault}`, utf8(text))
    this.#vaults.set(cap.vault, vault)
    return 'added'
  }

  /** @returns whether it was looked after */
  async remove(vault: VaultId): Promise<boolean> {
    if (!this.#vaults.delete(vault)) return false
    await this.#disk.remove(`${HELP_FOLDER}/${vault}`)
    await this.#disk.remove(`${HELP_FOLDER}/${vault}.report`)
    await this.#disk.syncFolder(HELP_FOLDER)
    return true
  }
}

function helpedBy(cap: RepairCap): HelpedVault {
  return { cap, epoch: openCertificate(cap.certificate).epoch }
}
