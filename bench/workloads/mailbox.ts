/**
 * W5, a mailbox: an mbox file of 300 MiB, a third of its mails with attachments in base64.
 *
 * Each day mails arrive at the end, a few are deleted from the middle, and the status lines of some are
 * rewritten, which moves all that follows by a letter or two.
 */

import { appendFileSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { ContentWriter } from './content.ts'
import { splice, writeLarge, type Splice } from './large-file.ts'
import { MIB, scaled, scaledSize, type Workload } from './workload.ts'

const SIZE = 300 * MIB
const DAY_SIZE = 3 * MIB
const DELETED = 5
const STATUS_LINES = 20
const STARTS_AT = 1_704_067_200_000

export const mailbox: Workload = {
  name: 'W5',
  title: 'an mbox file; mails arrive, a few are deleted in the middle, status lines change',
  scale: 0.5,
  days: 1,
  isManyFiles: false,
  create({ folder, seed, scale }) {
    const mails = new MailWriter(new ContentWriter(seed, 'mailbox', 'mailbox language'), 0)
    writeLarge(join(folder, 'mbox'), scaledSize(SIZE, scale), (length) => mails.bytes(length))
  },
  change({ folder, seed, scale, day }) {
    const path = join(folder, 'mbox')
    const content = new ContentWriter(seed, `mailbox day ${day}`, 'mailbox language')
    // As Latin-1 a letter is a byte, and offsets in the text are offsets in the file.
    const text = readFileSync(path, 'latin1')
    const starts = [...text.matchAll(/^From bench@/gm)].map(({ index }) => index)
    const drawn = content.random.distinct(
      scaled(DELETED, scale) + scaled(STATUS_LINES, scale),
      starts.length - 1,
    )
    const splices = drawn.map((mail, order): Splice => {
      const offset = starts[mail] ?? 0
      const cut = (starts[mail + 1] ?? offset) - offset
      const isDeleted = order < scaled(DELETED, scale)
      return isDeleted ? { offset, cut, inserted: new Uint8Array(0) } : statusSplice(text, offset)
    })
    splice(path, splices, statSync(path).size)
    const mails = new MailWriter(content, 365 + day)
    appendFileSync(path, mails.bytes(scaledSize(DAY_SIZE, scale)))
  },
}

/** The status of a mail at that offset becomes another. */
function statusSplice(text: string, mail: number): Splice {
  const at = text.indexOf('\nStatus: ', mail) + '\nStatus: '.length
  const end = text.indexOf('\n', at)
  const status = text.slice(at, end) === 'RO' ? 'O' : 'RO'
  return { offset: at, cut: end - at, inserted: Buffer.from(status) }
}

class MailWriter {
  readonly #content: ContentWriter
  #time: number
  #rest: Buffer = Buffer.alloc(0)

  constructor(content: ContentWriter, day: number) {
    this.#content = content
    this.#time = STARTS_AT + day * 86_400_000
  }

  /** @returns the next bytes of the mailbox; a mail may go on in the next */
  bytes(size: number): Buffer {
    const parts = [this.#rest]
    for (let length = this.#rest.length; length < size;) {
      const mail = this.#mail()
      parts.push(mail)
      length += mail.length
    }
    const all = Buffer.concat(parts)
    this.#rest = all.subarray(size)
    return all.subarray(0, size)
  }

  #mail(): Buffer {
    const { random } = this.#content
    this.#time += random.below(600_000)
    const date = new Date(this.#time).toUTCString()
    const id = random.bytes(12).toString('hex')
    const head =
      `From bench@example.org ${date}\nFrom: person${random.below(300)}@example.org\n` +
      `To: me@example.net\nSubject: ${this.#content.text(random.between(10, 60)).toString('latin1').replaceAll('\n', ' ')}\n` +
      `Date: ${date}\nMessage-ID: <${id}@example.org>\nStatus: ${random.isOnce(0.8) ? 'RO' : 'O'}\n\n`
    const body = this.#content.text(Math.min(60_000, Math.round(random.logNormal(1800, 0.9))))
    const parts = [Buffer.from(head, 'latin1'), body, Buffer.from('\n\n')]
    if (random.isOnce(0.33)) parts.splice(2, 0, this.#attachment())
    return Buffer.concat(parts)
  }

  #attachment(): Buffer {
    const { random } = this.#content
    const size = Math.min(4 << 20, Math.round(random.logNormal(14_000, 1.1)))
    const lines = random.bytes(size).toString('base64').replaceAll(/.{76}/g, '$&\n')
    return Buffer.from(
      `\n--part\nContent-Transfer-Encoding: base64\n\n${lines}\n--part--`,
      'latin1',
    )
  }
}
