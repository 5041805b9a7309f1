/**
 * A program that writes without a pause, as a process of its own:
 *
 *     node live-writer.ts sqlite-wal|sqlite-journal|zodb PATH SIZE
 *
 * It makes a database of about SIZE bytes, says `filled`, and then commits small changes until it is killed.
 */

import { DatabaseSync } from 'node:sqlite'
import { DataFs } from '../support/data-fs.ts'

const PAUSE_MS = 20
const ROW_SIZE = 3_000
const ROWS_AT_ONCE = 1_000

const [kind, path = '', size = '0'] = process.argv.slice(2)
const change = kind === 'zodb' ? fillStorage(path, Number(size)) : fillDatabase(path, Number(size))
process.stdout.write('filled\n')
setInterval(change, PAUSE_MS)

function fillDatabase(file: string, bytes: number): () => void {
  const database = new DatabaseSync(file, { timeout: 60_000 })
  database.exec(`PRAGMA journal_mode = ${kind === 'sqlite-wal' ? 'wal' : 'delete'}`)
  database.exec('CREATE TABLE rows (id INTEGER PRIMARY KEY, content TEXT, changed REAL)')
  const insert = database.prepare('INSERT INTO rows (content, changed) VALUES (?, 0)')
  const count = Math.ceil(bytes / ROW_SIZE)
  for (let done = 0; done < count; done += ROWS_AT_ONCE) {
    database.exec('BEGIN')
    for (let each = done; each < Math.min(count, done + ROWS_AT_ONCE); each += 1) {
      insert.run(words(ROW_SIZE))
    }
    database.exec('COMMIT')
  }
  const update = database.prepare('UPDATE rows SET content = ?, changed = changed + 1 WHERE id = ?')
  return () => {
    update.run(words(ROW_SIZE), 1 + Math.floor(Math.random() * count))
  }
}

function fillStorage(file: string, bytes: number): () => void {
  const storage = new DataFs(file)
  const count = Math.ceil(bytes / ROW_SIZE)
  const object = (oid: number) => ({ oid, data: Buffer.from(words(ROW_SIZE)) })
  for (let done = 0; done < count; done += ROWS_AT_ONCE) {
    const length = Math.min(ROWS_AT_ONCE, count - done)
    storage.commit(...Array.from({ length }, (_, index) => object(done + index)))
  }
  let finish: (() => void) | undefined
  // There is always a transaction under way.
  return () => {
    finish?.()
    finish = storage.vote(object(Math.floor(Math.random() * count)))
  }
}

function words(length: number): string {
  let text = ''
  while (text.length < length) text += `${Math.floor(Math.random() * 1e6)} `
  return text.slice(0, length)
}
