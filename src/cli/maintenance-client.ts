/**
 * Maintenance client: what the commands of maintenance ask of a client.
 */

import type { SnapshotRow } from '../../protocol/snapshots.ts'
import type { Client } from '../node/client.ts'
import type {
  ExtractedHistory,
  ForgetRequest,
  ForgetSummary,
  GcRequest,
  GcSummary,
  HistoryReport,
  Maintained,
  RebuildRequest,
  RebuildSummary,
} from '../node/maintenance-types.ts'

export interface MaintenanceClient {
  forget(request: ForgetRequest, signal: AbortSignal): Promise<ForgetSummary>
  pin(
    when: readonly string[],
    isPinned: boolean,
    signal: AbortSignal,
  ): Promise<Maintained & { readonly rows: readonly SnapshotRow[] }>
  rebuild(request: RebuildRequest, signal: AbortSignal): Promise<RebuildSummary>
  gc(request: GcRequest, signal: AbortSignal): Promise<GcSummary>
  historyReport(
    path: Uint8Array,
    options: { readonly shareLoss?: number; readonly isMeasured?: boolean },
    signal: AbortSignal,
  ): Promise<HistoryReport | undefined>
  /** @param folder - absolute; empty or absent */
  extractHistory(path: Uint8Array, folder: string, signal: AbortSignal): Promise<ExtractedHistory>
}

/** The client itself; gone once `Client` has these methods. */
export function maintenance(client: Client): MaintenanceClient {
  const methods = client as unknown as MaintenanceClient
  if ('historyReport' in client) return methods
  return {
    ...methods,
    async historyReport(path, _, signal) {
      const history = await client.history(path, signal)
      return history && { history, storedSizes: new Map(), chain: undefined }
    },
  }
}
