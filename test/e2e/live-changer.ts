/**
 * A program that writes to files just while Cairn reads them, as a process of its own:
 *
 *     node live-changer.ts PATH=never|once|until-copied|always…
 *
 * It says `ready`, reads Cairn's process id from stdin, and writes to PATH while the process has it open: once in
 * all, until it sees a copy being made, or all the time. Linux tells which files a process has open.
 */

import { closeSync, openSync, readdirSync, readlinkSync, writeSync } from 'node:fs'
import { basename } from 'node:path'

interface Watched {
  readonly path: string
  readonly when: string
  count: number
  isOver: boolean
}

const watched = process.argv.slice(2).map((word): Watched => {
  const [path = '', when = ''] = word.split('=')
  return { path, when, count: 0, isOver: when === 'never' }
})

process.stdin.once('data', (text) => look(Number(String(text))))
process.stdout.write('ready\n')

function look(pid: number): void {
  const open = openFiles(`/proc/${pid}/fd`)
  if (open === undefined) process.exit()
  const isCopying = open.some((path) => basename(path).startsWith('copy-'))
  for (const file of watched) {
    if (file.isOver || !open.includes(file.path)) continue
    if (file.when === 'until-copied' && isCopying) file.isOver = true
    else change(file)
  }
  setImmediate(look, pid)
}

/** In place, so that the size stays. */
function change(file: Watched): void {
  const descriptor = openSync(file.path, 'r+')
  writeSync(descriptor, `change ${++file.count}`, 100)
  closeSync(descriptor)
  file.isOver = file.when === 'once'
}

/** @returns undefined once the process is gone */
function openFiles(folder: string): string[] | undefined {
  try {
    return readdirSync(folder).map((name) => linkOf(`${folder}/${name}`))
  } catch {
    return undefined
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path)
  } catch {
    return '' // closed meanwhile
  }
}
