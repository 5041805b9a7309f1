/**
 * `cairn status`: is my backup all right, and who is there?
 */

import type { Command } from 'commander'
import type { ClientStatus } from '../../node/client.ts'
import { makeCommand, type CommonOptions, type Context } from '../context.ts'
import { escapeText } from '../escape.ts'
import { formatBytes, formatCount } from '../format.ts'
import { withClient } from '../with-client.ts'

export function statusCommand(context: Context): Command {
  return makeCommand('status', {
    summary: 'show the vault, the peers and what waits to be sent',
    examples: ['cairn status', 'cairn status --json'],
  }).action(async (options: CommonOptions) => {
    await withClient(context, options, async ({ client, output, home }) => {
      const status = await client.status(context.signal)
      const { peers, warnings, ...rest } = status
      output.json({ message_type: 'vault', home: home.data, ...rest })
      for (const peer of peers) output.json({ message_type: 'peer', ...peer })
      for (const warning of warnings) output.warn(warning)

      output.data(`home      ${home.data}`)
      output.data(`vault     ${status.vault}`)
      output.data(`grid      ${status.grid ?? 'none: cairn join --code-from FILE'}`)
      output.data(`head      ${status.sequence}`)
      output.data(
        `waiting   ${formatCount(status.queue.files)} files (${formatBytes(status.queue.bytes)}) to read, ` +
          `${formatCount(status.spool.packs)} packs (${formatBytes(status.spool.bytes)}) to send, ` +
          `${formatCount(status.settling)} shares settling`,
      )
      for (const peer of peers) output.data(describePeer(peer))
    })
  })
}

type PeerRow = ClientStatus['peers'][number]

function describePeer(peer: PeerRow): string {
  const parts = [peer.reachable ? 'up  ' : 'down', peer.peer]
  if (peer.name !== undefined) parts.push(escapeText(peer.name))
  if (peer.domain !== undefined) parts.push(`in ${escapeText(peer.domain)}`)
  if (peer.free !== undefined && peer.capacity !== undefined) {
    parts.push(`${formatBytes(peer.free)} free of ${formatBytes(peer.capacity)}`)
  }
  if (peer.used !== undefined) parts.push(`${formatBytes(peer.used)} ours`)
  if (peer.grant !== undefined) parts.push(`of ${formatBytes(peer.grant)} granted`)
  if (peer.released !== undefined) parts.push(`${formatBytes(peer.released)} of it to be deleted`)
  if (peer.error !== undefined) parts.push(escapeText(peer.error))
  return parts.join('  ')
}
