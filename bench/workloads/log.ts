/**
 * W4, a log: 300 MiB of lines from a few services, compressing about 4 : 1; 5 MiB more each day.
 */

import { appendFileSync } from 'node:fs'
import { join } from 'node:path'
import { Random } from '../random.ts'
import { writeLarge } from './large-file.ts'
import { MIB, scaledSize, type Workload } from './workload.ts'

const SIZE = 300 * MIB
const DAY_SIZE = 5 * MIB
/** 2024-01-01, ms. */
const STARTS_AT = 1_704_067_200_000
const DAY_MS = 86_400_000

const SERVICES = ['web', 'auth', 'mailer', 'scheduler', 'storage', 'search']
const PATHS = [
  '/',
  '/login',
  '/api/items',
  '/api/orders',
  '/static/app.js',
  '/search',
  '/api/users',
]

export const log: Workload = {
  name: 'W4',
  title: 'a log file; lines appended',
  scale: 0.5,
  days: 1,
  isManyFiles: false,
  create({ folder, seed, scale }) {
    const lines = new LogWriter(new Random(seed, 'log'), STARTS_AT)
    writeLarge(join(folder, 'app.log'), scaledSize(SIZE, scale), (length) => lines.bytes(length))
  },
  change({ folder, seed, scale, day }) {
    const lines = new LogWriter(
      new Random(seed, `log day ${day}`),
      STARTS_AT + (365 + day) * DAY_MS,
    )
    appendFileSync(join(folder, 'app.log'), lines.bytes(scaledSize(DAY_SIZE, scale)))
  },
}

class LogWriter {
  readonly #random: Random
  #time: number
  #rest = ''

  constructor(random: Random, startsAt: number) {
    this.#random = random
    this.#time = startsAt
  }

  /** @returns the next bytes of the log; a line may go on in the next */
  bytes(size: number): Buffer {
    const parts = [this.#rest]
    for (let length = this.#rest.length; length < size;) {
      const line = this.#line()
      parts.push(line)
      length += line.length
    }
    const text = parts.join('')
    this.#rest = text.slice(size)
    return Buffer.from(text.slice(0, size), 'latin1')
  }

  #line(): string {
    const random = this.#random
    this.#time += random.below(900)
    const service = random.pick(SERVICES)
    const head = `${new Date(this.#time).toISOString()} ${service}[${1000 + random.below(40)}]`
    const kind = random.below(20)
    if (kind < 12) {
      const address = `10.${random.below(4)}.${random.below(256)}.${random.below(256)}`
      const status = random.pick([200, 200, 200, 200, 304, 404, 500])
      return `${head} INFO GET ${random.pick(PATHS)}?id=${random.below(1e6)} ${status} ${random.below(60_000)}B ${random.below(900)}ms ${address} req=${this.#hex(8)}\n`
    }
    if (kind < 17)
      return `${head} DEBUG cache ${random.isOnce(0.8) ? 'hit' : 'miss'} key=item:${random.below(200_000)} ttl=${random.below(3600)}\n`
    if (kind < 19)
      return `${head} WARN slow query took ${random.between(500, 9000)} ms: select * from orders where customer = ${random.below(90_000)}\n`
    return `${head} ERROR job ${this.#hex(16)} failed after ${random.between(1, 5)} attempts: connection reset by peer\n`
  }

  #hex(length: number): string {
    let text = ''
    while (text.length < length) text += this.#random.word().toString(16).padStart(8, '0')
    return text.slice(0, length)
  }
}
