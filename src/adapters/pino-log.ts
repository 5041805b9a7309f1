/**
 * PinoLog: JSON lines on stderr or in a file, by pino.
 *
 * A line is {level, time, event, …fields}. Fields named `level`, `time` or `event` would make a line
 * that says two things; callers have no such field. Lines are written at once, so that the last words
 * before a crash are there.
 */

import pino from 'pino'
import type { Logger } from 'pino'

import type { Log, LogFields } from '../ports/log.ts'
import { LogFile } from './log-file.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error' | 'silent'

/** stderr, since stdout carries data. */
const STDERR = 2

export class PinoLog implements Log {
  readonly #pino: Logger

  /** @param options - `file`: append to this path, mode 0600, and not to stderr */
  constructor(options: { level: LogLevel; file?: string }) {
    const destination =
      options.file === undefined
        ? pino.destination({ dest: STDERR, sync: true })
        : new LogFile(options.file)
    this.#pino = pino(
      {
        level: options.level,
        base: null,
        messageKey: 'event',
        formatters: { level: (label) => ({ level: label }) },
        timestamp: pino.stdTimeFunctions.isoTime,
      },
      destination,
    )
  }

  debug(event: string, fields: LogFields = {}): void {
    this.#pino.debug(fields, event)
  }

  info(event: string, fields: LogFields = {}): void {
    this.#pino.info(fields, event)
  }

  warn(event: string, fields: LogFields = {}): void {
    this.#pino.warn(fields, event)
  }

  error(event: string, fields: LogFields = {}): void {
    this.#pino.error(fields, event)
  }
}
