/** A share store with its sweeper on one simulated machine, and time that passes day by day. */

import { sha256 } from '../../protocol/hash.ts'
import { vaultIdFromBytes, type VaultId } from '../../protocol/ids.ts'
import type { PackId } from '../../protocol/manifest.ts'
import type { OpenedRelease, ReleaseKind } from '../../protocol/release.ts'
import { utf8 } from '../../protocol/bytes.ts'
import { Sweeper } from '../../src/peer/sweeper.ts'
import { pathOf, keyOfName } from '../../src/store/share-files.ts'
import { ShareStore, type ShareStoreOptions } from '../../src/store/share-store.ts'
import type { NoRoom } from '../../src/store/share-room.ts'
import { ShareUpload } from '../../src/store/share-upload.ts'
import type { Machine } from '../../sim/machine.ts'
import { World } from '../../sim/world.ts'
import { forever, makePack, seedOf } from './test-grid.ts'

export const DAY_MS = 24 * 3600_000

export type TestPack = ReturnType<typeof makePack>

/** Packs of one share each. */
export function onePieces(count: number, size = 1000): TestPack[] {
  return Array.from({ length: count }, (_, index) =>
    makePack(size, { needed: 1, total: 1 }, 1000 * size + index),
  )
}

export class TestShares {
  readonly machine: Machine
  readonly vault = vaultIdFromBytes(seedOf('a vault'))
  readonly other = vaultIdFromBytes(seedOf('another vault'))
  store!: ShareStore
  sweeper!: Sweeper
  readonly #options: Partial<ShareStoreOptions>

  private constructor(machine: Machine, options: Partial<ShareStoreOptions>) {
    this.machine = machine
    this.#options = options
  }

  static async tell(
    story: (shares: TestShares) => Promise<void>,
    options: Partial<ShareStoreOptions> & { readonly seed?: number } = {},
  ): Promise<void> {
    const { seed = 1, ...more } = options
    const world = new World(seed)
    const shares = new TestShares(world.addMachine('peer'), more)
    await world.run(async () => {
      await shares.open()
      await story(shares)
    })
  }

  /** Open the store in the machine's present life. */
  async open(): Promise<void> {
    const { ports } = this.machine
    const database = ports.openDatabase('accounts')
    const options = { capacity: 1e9, reserve: 0, ...this.#options }
    this.store = await ShareStore.open({ ...ports, database }, options)
    this.sweeper = new Sweeper({ ...ports, shareStore: this.store })
  }

  async put(
    pack: TestPack,
    more: { readonly vault?: VaultId; readonly shareNumber?: number; readonly quota?: number } = {},
  ): Promise<'stored' | 'held' | NoRoom> {
    const { vault = this.vault, shareNumber = 0, quota } = more
    this.store.renewLease(vault)
    const header = { vault, shareNumber, manifest: pack.manifestBytes }
    const upload = await this.store.begin(header, quota === undefined ? {} : { quota })
    if (!(upload instanceof ShareUpload)) return upload
    try {
      await upload.write(pack.pieces[shareNumber]!)
      return await upload.commit()
    } finally {
      await upload.close()
    }
  }

  /** Put and adopt. */
  async keep(packs: readonly TestPack[], sequence = 1, vault = this.vault): Promise<void> {
    for (const pack of packs) await this.put(pack, { vault })
    this.store.adopt(
      vault,
      packs.map(({ id }) => id),
      sequence,
    )
  }

  release(packs: readonly TestPack[], sequence: number, vault = this.vault) {
    return this.store.release(document('release', vault, sequence, packs))
  }

  cancel(packs: readonly TestPack[], sequence: number, order = sequence) {
    return this.store.cancel(document('cancel', this.vault, sequence, packs), order)
  }

  /** Days go by, with a sweep every hour or so often as told. */
  async pass(days: number, everyHours = 24): Promise<void> {
    for (let hours = 0; hours < days * 24; hours += everyHours) {
      await this.machine.ports.clock.sleep(everyHours * 3600_000)
      await this.sweeper.sweep(forever)
    }
  }

  has(pack: TestPack, vault = this.vault): boolean {
    return this.store.have(pack.id, vault).length > 0
  }

  /** Shares that have a file, and those that have an account: `pack-number-vault`, sorted. */
  async filesAndAccounts(
    packs: readonly TestPack[],
  ): Promise<{ files: string[]; accounts: string[] }> {
    const { disk } = this.machine.ports
    const [files, accounts]: [string[], string[]] = [[], []]
    for (const vault of [this.vault, this.other]) {
      for (const bucket of await disk.list(`shares/${vault}`)) {
        for (const name of await disk.list(`shares/${vault}/${bucket}`)) {
          const key = keyOfName(vault, name)
          files.push(key === undefined ? name : pathOf(key))
        }
      }
      for (const { id, manifest } of packs) {
        for (let shareNumber = 0; shareNumber < manifest.total; shareNumber += 1) {
          const key = { vault, pack: id, shareNumber }
          if (this.store.account(key) !== undefined) accounts.push(pathOf(key))
        }
      }
    }
    return { files: files.toSorted(), accounts: accounts.toSorted() }
  }
}

function document(
  kind: ReleaseKind,
  vault: VaultId,
  sequence: number,
  packs: readonly { readonly id: PackId }[],
): OpenedRelease {
  const head = { sequence, id: sha256(utf8(`head ${sequence}`)) }
  const ids = packs.map(({ id }) => id)
  return { vault, certificate: new Uint8Array(0), epoch: 1, kind, head, packs: ids }
}
