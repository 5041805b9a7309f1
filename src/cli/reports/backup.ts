/** A backup's summary, for people and for programs. */

import { hasXattrs } from '../../adapters/xattrs.ts'
import type { BackupSummary } from '../../node/client.ts'
import { EXIT, type ExitCode } from '../exit-code.ts'
import { formatBytes, formatCount, formatDuration, formatItems, formatMoment } from '../format.ts'
import type { Output } from '../output.ts'
import { tellLeftOut } from './left-out.ts'

const WITHOUT_FFI =
  'This Node has no FFI: extended attributes, ACLs and holes of sparse files were not kept'

export function reportBackup(output: Output, summary: BackupSummary, durationMs: number): void {
  for (const warning of summary.warnings) output.warn(warning)
  // Elsewhere they are never kept, as the manual says.
  if (process.platform === 'linux' && !hasXattrs) output.warn(WITHOUT_FFI)
  output.json(summaryRecord(summary, durationMs))
  const lines = [
    `files    ${formatCount(summary.filesNew)} new, ${formatCount(summary.filesChanged)} changed, ` +
      `${formatCount(summary.filesUnmodified)} unchanged: ${formatCount(summary.filesTotal)} in all, ` +
      formatBytes(summary.bytesTotal),
    `read     ${formatBytes(summary.bytesRead)} in ${formatDuration(durationMs)}${quickWords(summary)}`,
    `stored   ${formatBytes(summary.bytesAdded)} new, ${formatItems(summary.deltas, 'file')} as delta`,
    `sent     ${formatBytes(summary.bytesSent)} to peers`,
  ]
  for (const line of lines) output.data(line)
  if (summary.rebuilt > 0) {
    output.data(`rebuilt  ${formatItems(summary.rebuilt, 'file')} whose chain had become long`)
  }
  if (summary.repaired > 0) {
    output.data(`repaired ${formatItems(summary.repaired, 'share')} of older snapshots`)
  }
  if (summary.unsupported > 0) {
    output.say(`${formatItems(summary.unsupported, 'socket')} passed over`)
  }
  tellLeftOut(output, summary)
  if (summary.settling > 0) {
    output.data(
      `settling ${formatItems(summary.settling, 'share')} without a peer yet; the next backup places them`,
    )
  }
  if (summary.notSafe !== undefined) output.failed(summary.notSafe)
  else if (summary.published) output.data(`snapshot ${summary.sequence} saved`)
  if (summary.skipped.length > 0) {
    output.say(`${formatItems(summary.skipped.length, 'item')} could not be read: see above`)
  }
}

function quickWords({ filesQuick }: BackupSummary): string {
  return filesQuick === 0 ? '' : `; of ${formatItems(filesQuick, 'file')} the end only`
}

export function backupExitCode(summary: BackupSummary): ExitCode {
  if (summary.notSafe !== undefined || !summary.published) return EXIT.notSafe
  return summary.skipped.length > 0 ? EXIT.incomplete : EXIT.ok
}

function summaryRecord(summary: BackupSummary, durationMs: number) {
  return {
    message_type: 'summary',
    snapshot_id: summary.published ? String(summary.sequence) : undefined,
    is_published: summary.published,
    files_new: summary.filesNew,
    files_changed: summary.filesChanged,
    files_unmodified: summary.filesUnmodified,
    files_fuzzy: summary.filesFuzzy,
    files_copied: summary.filesCopied,
    files_consistent: summary.filesConsistent,
    files_quick: summary.filesQuick,
    total_files_processed: summary.filesTotal,
    total_dirs_processed: summary.foldersTotal,
    total_bytes_processed: summary.bytesTotal,
    unsupported: summary.unsupported,
    excluded: summary.leftOut,
    bytes_read: summary.bytesRead,
    data_added: summary.bytesAdded,
    bytes_sent: summary.bytesSent,
    packs: summary.packs,
    deltas: summary.deltas,
    files_rebuilt: summary.rebuilt,
    shares_repaired: summary.repaired,
    error_count: summary.skipped.length,
    shares_settling: summary.settling,
    backup_start: formatMoment(summary.startedAt),
    backup_end: formatMoment(summary.endedAt),
    total_duration: durationMs / 1000,
  }
}
