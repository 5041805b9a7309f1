/**
 * Old ledgers: packs that held the ledgers of earlier heads.
 *
 * No ledger lists the packs that ledgers lie in; the machine that made them remembers them, and gc lets
 * them go. Where that memory was lost, the heads that peers keep lead to them.
 */

import { z } from 'zod'

import { toHex } from '../../protocol/bytes.ts'
import { openHead, openLedger } from '../../protocol/head.ts'
import type { PackId } from '../../protocol/manifest.ts'
import type { Grid } from '../grid/grid.ts'
import { LEDGERS_KNOWN } from '../restore/local-state.ts'
import { inTransaction } from '../store/database.ts'
import type { VaultSession } from './vault-session.ts'

/**
 * Learn of the packs of earlier ledgers that peers hold, once after local state came from the grid. A
 * ledger in many parts is told whole by its newest part only, and the others by the ledger in use.
 */
export async function noteOldLedgers(
  { stores, keyring, readKeys, ports }: VaultSession,
  grid: Grid,
  signal: AbortSignal,
): Promise<void> {
  const { database, packs, releases, settings, published } = stores
  if (settings.get(LEDGERS_KNOWN, z.boolean()) === true) return
  const { answers, failures } = await grid.heads(keyring.vault, signal, { all: true })
  const named = new Set<PackId>()
  for (const { pointer } of published.current()?.segments ?? []) named.add(pointer.pack)
  const kept = new Map<string, Uint8Array>()
  // Most peers keep the same heads.
  for (const { heads } of answers) for (const { head } of heads) kept.set(toHex(head), head)
  for (const head of kept.values()) named.add(openLedger(openHead(head), readKeys.ledgerKey).pack)
  for (const { pack } of releases.all()) named.delete(pack.id)
  const unknown = [...named].filter((id) => packs.ofId(id).length === 0)
  const found = await grid.have(unknown, signal)
  inTransaction(database, () => {
    for (const { id, manifest } of found.values()) {
      const { size, needed, total } = manifest
      const number = settings.next('pack number')
      const row = { number, id, base: 0, extents: undefined, size, needed, total }
      packs.put({ ...row, kind: 'ledger', state: 'complete', isPublished: true })
    }
    // Who was away may keep heads that nobody else does.
    if (failures.length === 0) settings.set(LEDGERS_KNOWN, true)
  })
  if (found.size > 0) ports.log.info('old ledgers found', { packs: found.size })
}
