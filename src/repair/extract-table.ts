/**
 * Extract table: a file's subdirectory as files that `rdiff` understands, and how they make versions.
 *
 * Each version is one file, named in the order of the versions: `0001-v3.original` is the version's
 * content itself, `0002-v4.delta` a delta of librsync's. The table is a text that says what applies to
 * what; its commands, run in their order in the folder, write every version whole (`0002-v4.whole`).
 */

import type { Version, VersionId } from '../../protocol/tree.ts'
import { BadHistoryError } from '../history/errors.ts'
import { versionName } from '../history/version-name.ts'

/** The table's own name, among the files it tells of. */
export const TABLE_NAME = '0000-table.txt'

/** What is asked of a version. */
export type TabledVersion = Pick<Version, 'id' | 'size' | 'label'> & {
  readonly content:
    { readonly type: 'original' } | { readonly type: 'delta'; readonly base: VersionId }
}

/** One version as a file. */
export interface TabledFile {
  readonly version: TabledVersion
  /** Of the file that is written. */
  readonly name: string
  /** Of the file that holds the whole version, once the commands have run. */
  readonly whole: string
}

/** @returns the versions' files, oldest version first */
export function namedFiles(versions: readonly TabledVersion[]): TabledFile[] {
  const width = Math.max(4, String(versions.length).length)
  return versions
    .toSorted((a, b) => a.id - b.id)
    .map((version, index) => {
      const stem = `${String(index + 1).padStart(width, '0')}-${versionName(version.id)}`
      const { type } = version.content
      const name = `${stem}.${type}`
      return { version, name, whole: type === 'original' ? name : `${stem}.whole` }
    })
}

/**
 * Write the table.
 *
 * @returns lines that end in a newline; all are comments of the shell, except the commands, so that
 *   the table is a script as well
 * @throws {BadHistoryError} bases go round in a circle
 */
export function extractTable(versions: readonly TabledVersion[]): string {
  const files = new Map(namedFiles(versions).map((file) => [file.version.id, file]))
  const rows = [['file', 'version', 'bytes', 'label', 'is'], ...[...files.values()].map(tableRow)]
  const lines = [
    '# One file, version by version. Run this in its folder: sh ' + TABLE_NAME,
    '#',
    ...aligned(rows).map((row) => `# ${row}`),
    '',
  ]
  for (const file of inPatchOrder(files)) {
    const { content } = file.version
    if (content.type === 'original') continue
    const base = files.get(content.base)
    lines.push(
      base === undefined
        ? `# ${file.name}: its base ${versionName(content.base)} is not here`
        : `rdiff patch ${base.whole} ${file.name} ${file.whole}`,
    )
  }
  return `${lines.join('\n')}\n`
}

function tableRow({ name, version }: TabledFile): string[] {
  const { content, id } = version
  const is =
    content.type === 'original'
      ? 'the version itself'
      : `a ${content.base > id ? 'reverse' : 'forward'} delta on ${versionName(content.base)}`
  return [name, versionName(id), String(version.size), version.label, is]
}

/** @returns each file after the one that it rests on, where that one is here */
function inPatchOrder(files: ReadonlyMap<VersionId, TabledFile>): TabledFile[] {
  const ordered = new Set<TabledFile>()
  for (const file of files.values()) {
    const chain: TabledFile[] = []
    let next: TabledFile | undefined = file
    while (next !== undefined && !ordered.has(next)) {
      if (chain.length === files.size) {
        throw new BadHistoryError(`${versionName(file.version.id)} rests on itself`)
      }
      chain.push(next)
      const { content }: TabledVersion = next.version
      next = content.type === 'original' ? undefined : files.get(content.base)
    }
    for (const each of chain.toReversed()) ordered.add(each)
  }
  return [...ordered]
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0]?.map((_, column) =>
    Math.max(...rows.map((row) => row[column]?.length ?? 0)),
  )
  return rows.map((row) => {
    const cells = row.map((cell, column) => cell.padEnd(widths?.[column] ?? 0))
    return cells.join('  ').trimEnd()
  })
}
