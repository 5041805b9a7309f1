/**
 * Helped vaults: the repair caps that friends gave this peer, on its own disk.
 *
 *     help/<vault>         the cap, for its owner only
 *     help/<vault>.bad     one that could not be read, set aside at start
 *
 * They are kept until the person who runs the peer stops helping, so the option that brought a cap need
 * not be given again. Of two caps of one vault the one of the later device is kept.
 */

import { decodeCap, encodeCap, type RepairCap } from '../../protocol/cap.ts'
import { openCertificate } from '../../protocol/certificate.ts'
import { FormatError } from '../../protocol/errors.ts'
import type { VaultId } from '../../protocol/ids.ts'
import { utf8 } from '../../protocol/bytes.ts'
import type { Disk } from '../ports/disk.ts'
import type { Log } from '../ports/log.ts'
import { readWhole, StateDamagedError, writeWhole } from './whole-file.ts'

const FOLDER = 'help'
const BAD_SUFFIX = '.bad'

/** A vault this peer looks after. */
export interface HelpedVault {
  readonly cap: RepairCap
  /** Of the device that made the cap. */
  readonly epoch: number
}

export class HelpedVaults {
  readonly #disk: Disk
  readonly #vaults = new Map<VaultId, HelpedVault>()

  private constructor(disk: Disk) {
    this.#disk = disk
  }

  static async open(disk: Disk, log: Log): Promise<HelpedVaults> {
    const helped = new HelpedVaults(disk)
    for (const name of await disk.list(FOLDER)) {
      if (!/^[0-9a-f]{64}$/.test(name)) continue
      const path = `${FOLDER}/${name}`
      try {
        const bytes = await readWhole(disk, path)
        if (bytes !== undefined) helped.#keep(decodeCap(new TextDecoder().decode(bytes)))
      } catch (error) {
        if (!(error instanceof FormatError || error instanceof StateDamagedError)) throw error
        log.error('repair cap set aside', { path, error: error.name })
        await disk.rename(path, path + BAD_SUFFIX)
      }
    }
    return helped
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
    const { epoch } = openCertificate(cap.certificate)
    if (before !== undefined && epoch < before.epoch) return 'older'
    const text = encodeCap(cap)
    if (before !== undefined && encodeCap(before.cap) === text) return 'known'
    await writeWhole(this.#disk, `${FOLDER}/${cap.vault}`, utf8(text))
    this.#keep(cap)
    return 'added'
  }

  /** @returns whether it was looked after */
  async remove(vault: VaultId): Promise<boolean> {
    if (!this.#vaults.delete(vault)) return false
    await this.#disk.remove(`${FOLDER}/${vault}`)
    await this.#disk.syncFolder(FOLDER)
    return true
  }

  #keep(cap: ReturnType<typeof decodeCap>): void {
    if (cap.type !== 'repair') throw new FormatError(`a cap of type ${cap.type} does not help`)
    this.#vaults.set(cap.vault, { cap, epoch: openCertificate(cap.certificate).epoch })
  }
}
