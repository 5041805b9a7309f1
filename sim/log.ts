/** SimLog: a machine's log, kept in memory and told to the world's trace. */

import type { Log, LogFields } from '../src/ports/log.ts'
import type { Life } from './life.ts'
import type { Trace } from './trace.ts'

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

export interface LogEvent {
  readonly level: LogLevel
  readonly event: string
  readonly fields: LogFields
}

/** The newest events kept for a person to look at; the trace has heard them all. */
const EVENTS_MAX = 2_000

export class SimLog implements Log {
  readonly #node: string
  readonly #trace: Trace
  readonly #life: Life
  #events: LogEvent[] = []

  constructor(node: string, trace: Trace, life: Life) {
    this.#node = node
    this.#trace = trace
    this.#life = life
  }

  /** Oldest first. */
  get events(): readonly LogEvent[] {
    return this.#events
  }

  debug(event: string, fields?: LogFields): void {
    this.#add('debug', event, fields)
  }

  info(event: string, fields?: LogFields): void {
    this.#add('info', event, fields)
  }

  warn(event: string, fields?: LogFields): void {
    this.#add('warn', event, fields)
  }

  error(event: string, fields?: LogFields): void {
    this.#add('error', event, fields)
  }

  #add(level: LogLevel, event: string, fields: LogFields = {}): void {
    if (this.#life.isOver) return
    const known = Object.entries(fields).filter(([, value]) => value !== undefined)
    this.#events.push({ level, event, fields: Object.fromEntries(known) })
    if (this.#events.length > 2 * EVENTS_MAX) this.#events = this.#events.slice(-EVENTS_MAX)
    this.#trace.add(this.#node, `log.${level} ${event}`, fields)
  }
}
