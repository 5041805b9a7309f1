/**
 * What `cairn peer list --store` says: whose a running peer is, what it holds for whom, and what it grants them.
 */

import { escapeLine } from '../escape.ts'
import { formatBytes, formatMoment } from '../format.ts'
import type { JsonRecord } from '../output.ts'
import type { OverGrant } from '../../node/client.ts'
import { overRecord } from './friends.ts'

/** As the peer's answer has it: src/cli/grid/peer-handlers.ts. */
interface HeldRow {
  readonly vault: string
  readonly names: readonly string[]
  readonly is_own: boolean
  readonly bytes: number
  readonly held_by_its_peers: number
  readonly released?: number
  readonly grant?: number
  readonly over?: OverGrant
}

type Answer = Readonly<Record<string, unknown>>

/** @returns a record of the peer, and one for each vault it holds something for */
export function heldRecords(answer: Answer): JsonRecord[] {
  return [
    { message_type: 'lender', vault: answer['vault'] },
    ...rowsOf(answer).map(({ over, ...row }) => ({
      message_type: 'held',
      ...row,
      over: overRecord(over),
    })),
  ]
}

export function heldLines(answer: Answer): string[] {
  const rows = rowsOf(answer)
  const owner =
    typeof answer['vault'] === 'string' ? `vault ${short(answer['vault'])}` : 'nobody yet'
  const sum = rows.reduce((total, { is_own, bytes }) => total + (is_own ? 0 : bytes), 0)
  return [
    `this peer counts for ${owner}; it holds ${formatBytes(sum)} for others`,
    ...rows.map(describe),
  ]
}

function describe({ vault, names, is_own, bytes, held_by_its_peers, ...row }: HeldRow): string {
  const parts = [`vault ${short(vault)}`, ...names.map(escapeLine), formatBytes(bytes)]
  if (is_own) return [...parts, 'yours'].join('  ')
  if (row.grant !== undefined) parts.push(`of ${formatBytes(row.grant)} granted`)
  if (row.released !== undefined) parts.push(`${formatBytes(row.released)} to be deleted`)
  parts.push(`holds ${formatBytes(held_by_its_peers)} for others`)
  if (row.over !== undefined) {
    const day = formatMoment(row.over.until).slice(0, 10)
    parts.push(`${formatBytes(row.over.bytes)} too much: refused from ${day} on`)
  }
  return parts.join('  ')
}

function rowsOf(answer: Answer): readonly HeldRow[] {
  return Array.isArray(answer['vaults']) ? (answer['vaults'] as HeldRow[]) : []
}

function short(vault: string): string {
  return vault.slice(0, 16)
}
