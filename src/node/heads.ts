/**
 * Heads as peers show them: who is current, who is behind, and what is kept as evidence.
 *
 * Every answer about heads passes here: receipts are noted, contradictions are kept, and peers that lack
 * the newest head are given it, so that it does not hang on the few who were there when it was published.
 */

import { openReceipt } from '../../protocol/receipt.ts'
import type { VaultId } from '../../protocol/ids.ts'
import { DiskError, FormatError } from '../base/errors.ts'
import { askAll } from '../grid/ask-all.ts'
import { checkReceipt } from '../grid/check-heads.ts'
import type { Grid, HeadAnswer, PeerFailure } from '../grid/grid.ts'
import type { RosterBook } from '../grid/roster-book.ts'
import type { PeerSession } from '../grid/peer-session.ts'
import type { PeerId } from '../ports/network.ts'
import { judgeHeads, type HeadReport, type PeerHeads } from '../restore/head-report.ts'
import type { NewestHead } from '../restore/newest-head.ts'
import { Evidence, type EvidenceCase, type KeptCase } from '../store/evidence.ts'
import type { ClientPorts } from './client-ports.ts'
import type { VaultSession } from './vault-session.ts'

export interface HeadsAnswers {
  readonly answers: readonly HeadAnswer[]
  readonly failures: readonly PeerFailure[]
}

export interface HeadsSummary {
  /** The highest head that is known to be published; 0 before the first. */
  readonly sequence: number
  readonly peersAsked: number
  readonly peersAnswered: number
  readonly peers: readonly (PeerHeads & { readonly name?: string })[]
  /** All that was ever found and is still kept, newest first. */
  readonly evidence: readonly KeptCase[]
}

/**
 * Judge what peers answered, and keep what is worth it.
 *
 * @returns the report, and what the person should hear now: only what was not found before
 */
export async function noteHeads(
  session: VaultSession,
  { answers, failures }: HeadsAnswers,
): Promise<{ readonly report: HeadReport; readonly warnings: readonly string[] }> {
  const { ports, stores, keyring } = session
  const { roster } = await session.link()
  const { marks, published } = stores
  const report = judgeHeads({
    vault: keyring.vault,
    answers,
    silent: failures.map(({ peer }) => peer),
    marks: marks.all(),
    known: await published.keptHead(),
    now: ports.clock.now(),
  })
  marks.note(answers.flatMap(({ heads }) => heads.map(({ receipt }) => receipt)))
  const found = await keepCases(ports, report.cases)
  return { report, warnings: [...wordsOfNonsense(failures, roster), ...found] }
}

/** Who answered, and with heads that nobody of the vault signed, or nothing that is a head: that is not silence. */
function wordsOfNonsense(
  failures: readonly PeerFailure[],
  roster: Pick<RosterBook, 'nameOf'>,
): string[] {
  const liars = failures.filter(({ error }) => error instanceof FormatError)
  return liars.map(
    ({ peer }) =>
      `${roster.nameOf(peer)} answered with heads that cannot be believed: it lies, or its disk is damaged`,
  )
}

/** As `noteHeads`, where this machine knows nothing of the vault yet. */
export async function noteFirstHeads(
  ports: Pick<ClientPorts, 'disk' | 'log' | 'clock'>,
  vault: VaultId,
  { answers, failures }: HeadsAnswers,
  roster: Pick<RosterBook, 'nameOf'>,
): Promise<readonly string[]> {
  const now = ports.clock.now()
  const { cases } = judgeHeads({ vault, answers, silent: [], marks: new Map(), now })
  return [...wordsOfNonsense(failures, roster), ...(await keepCases(ports, cases))]
}

/** @returns words for each that is news */
async function keepCases(
  { disk, log }: Pick<ClientPorts, 'disk' | 'log'>,
  cases: readonly EvidenceCase[],
): Promise<readonly string[]> {
  const evidence = new Evidence(disk)
  const words: string[] = []
  for (const found of cases) {
    try {
      if (!(await evidence.keep(found))) continue
    } catch (error) {
      // A full disk must not stop a backup for this; it is found again next time.
      if (!(error instanceof DiskError)) throw error
      log.error('evidence not kept', { why: error.message })
    }
    log.warn('heads contradict', fieldsOf(found))
    words.push(wordsOf(found))
  }
  return words
}

/** Peers that could have the newest head and do not: those that were away when it was published. */
export function lackingPeers({ peers }: HeadReport): PeerId[] {
  return peers.flatMap(({ peer, verdict }) =>
    verdict === 'behind' || verdict === 'none' || verdict === 'rolled-back' ? [peer] : [],
  )
}

/**
 * Give the newest head to peers that lack it. Trouble is for the next time.
 *
 * @param newest - signed by whichever device of the vault
 */
export async function tellHead(
  grid: Grid,
  newest: Uint8Array,
  peers: readonly PeerId[],
  signal: AbortSignal,
): Promise<readonly Uint8Array[]> {
  const give = async (session: PeerSession, within: AbortSignal) => {
    const receipt = await session.publish(newest, within)
    checkReceipt(receipt, session.peer, newest)
    return receipt
  }
  const { answers } = await askAll(grid.sessions(peers), give, signal)
  return answers.map(({ answer }) => answer)
}

/** What `cairn heads` shows. */
export async function headsSummary(
  session: VaultSession,
  signal: AbortSignal,
): Promise<HeadsSummary> {
  const { grid, roster } = await session.link()
  const asked = await grid.heads(session.keyring.vault, signal)
  const { report } = await noteHeads(session, asked)
  return {
    sequence: report.sequence,
    peersAsked: asked.answers.length + asked.failures.length,
    peersAnswered: asked.answers.length,
    peers: report.peers
      .toSorted((a, b) => (a.peer < b.peer ? -1 : 1))
      .map((row) => {
        const name = roster.member(row.peer)?.name
        return { ...row, ...(name === undefined ? {} : { name }) }
      }),
    evidence: await new Evidence(session.ports.disk).all(),
  }
}

/** What a person hears of contradicting heads. */
export function wordsOf(found: EvidenceCase): string {
  const { kind, sequence, peer = '', shown = 0, receipts } = found
  if (kind === 'fork') {
    return (
      `Two different heads ${sequence} of this vault exist: it was used from an old copy of its home, or ` +
      'its keys are used elsewhere. Both are kept as evidence: see "cairn heads"'
    )
  }
  const since = receipts[0] === undefined ? undefined : openReceipt(receipts[0]).receivedAt
  const when = since === undefined ? '' : ` on ${dayOf(since)}`
  return (
    `${peer} signed for head ${sequence}${when} and now shows ${shown === 0 ? 'none' : `head ${shown}`}: ` +
    'it lost heads or hides them. Its receipt is kept as evidence: see "cairn heads"'
  )
}

function fieldsOf({ kind, sequence, peer, shown }: EvidenceCase) {
  return {
    kind,
    sequence,
    ...(peer === undefined ? {} : { peer }),
    ...(shown === undefined ? {} : { shown }),
  }
}

/** How old the head that recovery follows is, and how sure it is that nobody has a newer one. */
export function witnessWords(
  { head, witnesses }: NewestHead,
  { answers, failures }: HeadsAnswers,
  now: number,
): { readonly line: string; readonly warnings: readonly string[] } {
  const times = answers.flatMap(({ heads }) =>
    heads
      .map(({ receipt }) => openReceipt(receipt))
      .filter(({ sequence }) => sequence === head.sequence)
      .map(({ receivedAt }) => receivedAt),
  )
  const first = times.length === 0 ? undefined : Math.min(...times)
  const asked = answers.length + failures.length
  const days = first === undefined ? undefined : Math.max(0, Math.floor((now - first) / DAY_MS))
  const age = days === undefined ? '' : `, received ${dayOf(first ?? 0)} (${ageOf(days)})`
  const line =
    `head ${head.sequence}${age}; ${answers.length} of ${asked} friends answered, ` +
    `${witnesses.length} of them show it`
  const warnings: string[] = []
  if (failures.length > 0) {
    warnings.push(
      `${answers.length} of ${asked} friends answered; the newest mark of theirs is head ${head.sequence}` +
        `${age}. Only the others could know of a newer one: if you backed up since, recover again ` +
        'into another home when they are there',
    )
  } else if (days !== undefined && days >= OLD_DAYS) {
    warnings.push(
      `The newest head that any friend shows is ${ageOf(days)}. If you backed up since, they lost it or hide it`,
    )
  }
  return { line, warnings }
}

const DAY_MS = 24 * 3600_000

/** A head older than this is worth a word, days: most people back up more often. */
const OLD_DAYS = 14

function ageOf(days: number): string {
  return days === 0 ? 'today' : days === 1 ? '1 day old' : `${days} days old`
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}
