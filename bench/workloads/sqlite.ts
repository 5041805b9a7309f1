/**
 * W3, SQLite: a real database of 500 MiB, messages of contacts with indexes; rows come, change and go.
 */

import { statSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { ContentWriter } from './content.ts'
import { MIB, scaled, scaledSize, type State, type Workload } from './workload.ts'

const SIZE = 500 * MIB
const CONTACTS = 20_000
const INSERTS = 600
const UPDATES = 680
const DELETES = 140
const ROWS_PER_TRANSACTION = 2_000
const STARTS_AT = 1_600_000_000

const SCHEMA = `
  pragma page_size = 4096;
  create table contact (id integer primary key, name text not null, mail text not null unique, seen integer not null);
  create table message (
    id integer primary key, contact integer not null references contact, sent integer not null,
    digest blob not null, subject text not null, body text not null, flags integer not null
  );
  create index message_by_contact on message (contact, sent);
  create index message_by_digest on message (digest);
`

export const sqlite: Workload = {
  name: 'W3',
  title: 'an SQLite database; rows inserted, updated, deleted',
  scale: 0.25,
  days: 1,
  isManyFiles: false,
  create,
  change({ folder, seed, scale, day }) {
    const content = new ContentWriter(seed, `sqlite day ${day}`, 'sqlite language')
    const database = open(join(folder, 'messages.db'))
    try {
      changeRows(database, content, { scale, day })
    } finally {
      database.close()
    }
  },
}

function create({ folder, seed, scale }: State): void {
  const content = new ContentWriter(seed, 'sqlite', 'sqlite language')
  const path = join(folder, 'messages.db')
  const database = open(path)
  try {
    database.exec(SCHEMA)
    const contacts = scaled(CONTACTS, scale)
    database.exec('begin')
    const insert = database.prepare('insert into contact (name, mail, seen) values (?, ?, ?)')
    for (let index = 0; index < contacts; index++) {
      const name = content.text(content.random.between(8, 24)).toString('latin1')
      insert.run(name, `${content.random.word().toString(36)}.${index}@example.org`, STARTS_AT)
    }
    database.exec('commit')
    const size = scaledSize(SIZE, scale)
    for (let round = 0; statSync(path).size < size; round++) {
      insertMessages(database, content, {
        count: scaled(ROWS_PER_TRANSACTION, Math.min(1, scale * 4), 20),
        contacts,
        sentAt: STARTS_AT + round * 3600,
      })
    }
  } finally {
    database.close()
  }
}

/** Recent messages change more often than old ones, as they do where people read and answer. */
function changeRows(
  database: DatabaseSync,
  content: ContentWriter,
  { scale, day }: { scale: number; day: number },
): void {
  const { random } = content
  const contacts = scaled(CONTACTS, scale)
  const sentAt = STARTS_AT + 400_000_000 + day * 86_400
  insertMessages(database, content, { count: scaled(INSERTS, scale), contacts, sentAt })

  const last = Number(database.prepare('select max(id) as id from message').get()?.['id'] ?? 0)
  const drawId = () => Math.max(1, Math.round(last * (1 - random.fraction() ** 2)))
  const flag = database.prepare('update message set flags = ? where id = ?')
  const rewrite = database.prepare('update message set body = ? where id = ?')
  const seen = database.prepare('update contact set seen = ? where id = ?')
  const remove = database.prepare('delete from message where id = ?')
  database.exec('begin')
  for (let index = 0; index < scaled(UPDATES, scale); index++) {
    if (random.isOnce(0.6)) flag.run(random.below(64), drawId())
    else if (random.isOnce(0.5)) rewrite.run(drawBody(content), drawId())
    else seen.run(sentAt, random.between(1, contacts))
  }
  for (let index = 0; index < scaled(DELETES, scale); index++) remove.run(drawId())
  database.exec('commit')
}

function insertMessages(
  database: DatabaseSync,
  content: ContentWriter,
  { count, contacts, sentAt }: { count: number; contacts: number; sentAt: number },
): void {
  const { random } = content
  const insert = database.prepare(
    'insert into message (contact, sent, digest, subject, body, flags) values (?, ?, ?, ?, ?, ?)',
  )
  database.exec('begin')
  for (let index = 0; index < count; index++) {
    const subject = content.text(random.between(10, 60)).toString('latin1')
    const contact = Math.max(1, Math.ceil(contacts * random.fraction() ** 2))
    insert.run(
      contact,
      sentAt + index,
      random.bytes(16),
      subject,
      drawBody(content),
      random.below(8),
    )
  }
  database.exec('commit')
}

function drawBody(content: ContentWriter): string {
  const size = Math.min(20_000, Math.round(content.random.logNormal(700, 0.9)))
  return content.text(size).toString('latin1')
}

/** No journal and no syncs: what a power cut would do to a bench's database is no matter. */
function open(path: string): DatabaseSync {
  const database = new DatabaseSync(path)
  database.exec('pragma page_size = 4096; pragma journal_mode = off; pragma synchronous = off;')
  return database
}
