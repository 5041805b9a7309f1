/**
 * Output: data on stdout, messages on stderr.
 *
 * With `--json` stdout carries one JSON object a line, each with a `message_type` (restic's words
 * where restic has them), and errors are JSON lines on stderr; text meant for people is left out.
 * The fields are listed in docs/operations.md.
 */

import { escapeText } from './escape.ts'
import { adviceFor } from './advice.ts'
import { exitCodeOf, type ExitCode } from './exit-code.ts'
import { CairnError, FilesError } from '../base/errors.ts'
import { systemSentence, systemWords } from './system-words.ts'

/** A line of JSON: what it is, and its fields. */
export interface JsonRecord {
  readonly message_type: string
  readonly [field: string]: unknown
}

/** Where text goes: `process.stdout`, or a collector in tests. */
export interface TextSink {
  /** @param onTaken - told once nothing holds on to the text or bytes any more */
  write(text: string | Uint8Array, onTaken?: (error?: Error | null) => void): unknown
  readonly isTTY?: boolean
  readonly columns?: number
}

export class Output {
  readonly isJson: boolean
  readonly #stdout: TextSink
  readonly #stderr: TextSink
  readonly #showStack: boolean

  constructor(
    sinks: { stdout: TextSink; stderr: TextSink },
    options: { isJson: boolean; showStack?: boolean },
  ) {
    this.#stdout = sinks.stdout
    this.#stderr = sinks.stderr
    this.isJson = options.isJson
    this.#showStack = options.showStack ?? false
  }

  /** Where a progress line may be drawn. */
  get stderr(): TextSink {
    return this.#stderr
  }

  /** A line of data for people. Names in it are already escaped. */
  data(line: string): void {
    if (!this.isJson) this.#stdout.write(`${line}\n`)
  }

  /** A line of data for programs. */
  json(record: JsonRecord): void {
    if (this.isJson) this.#stdout.write(`${JSON.stringify(record, withoutBigints)}\n`)
  }

  /** A line of data for programs beside what is on stdout: that is somebody's content. */
  sayJson(record: JsonRecord): void {
    if (this.isJson) this.#stderr.write(`${JSON.stringify(record, withoutBigints)}\n`)
  }

  /** A message to whoever watches; not data. */
  say(text: string): void {
    if (!this.isJson) this.#stderr.write(`${text}\n`)
  }

  /** One item that failed while the rest goes on. `item` is already escaped. */
  itemFailed(item: string, error: Error, fields: Readonly<Record<string, unknown>>): void {
    const told = { ...errorFields(error), message: describeItem(error) }
    const record = { message_type: 'error', error: told, item, ...fields }
    if (this.isJson) this.#stderr.write(`${JSON.stringify(record, withoutBigints)}\n`)
    else this.#stderr.write(`${item}: ${escapeText(describeItem(error))}\n`)
  }

  /** Something worth knowing that stops nothing. */
  warn(text: string): void {
    if (this.isJson) this.#stderr.write(`${JSON.stringify({ message_type: 'warning', text })}\n`)
    else this.#stderr.write(`warning: ${escapeText(text)}\n`)
  }

  /** The error that ends the program: what happened, to what, and what to do next. */
  failed(
    error: unknown,
    code: ExitCode = exitCodeOf(error),
    advice: string | undefined = adviceFor(error),
  ): void {
    if (this.isJson) {
      const record = {
        message_type: 'exit_error',
        code,
        ...errorFields(error),
      }
      this.#stderr.write(`${JSON.stringify({ ...record, advice }, withoutBigints)}\n`)
    } else {
      this.#stderr.write(`cairn: ${escapeText(describe(error))}\n`)
      if (advice !== undefined) this.#stderr.write(`${escapeText(advice)}\n`)
    }
    if (this.#showStack && error instanceof Error) this.#stderr.write(`${stackOf(error)}\n`)
  }
}

/** @returns one sentence; the class name too when the error is none of ours, since that helps a report */
export function describe(error: unknown): string {
  if (error instanceof CairnError) return inWords(error.message)
  if (error instanceof Error) return systemSentence(error) ?? `${error.name}: ${error.message}`
  return String(error)
}

/** The same where the item it is about stands beside it. */
function describeItem(error: Error): string {
  if (!(error instanceof FilesError) || !error.message.endsWith(`: ${error.code}`)) {
    return describe(error)
  }
  return systemWords(error.code) ?? error.message
}

/** Where the system made one of our errors, the message ends with its code. */
function inWords(message: string): string {
  return message.replace(/: (E[A-Z0-9]+)$/, (whole, code: string) => {
    const words = systemWords(code)
    return words === undefined ? whole : `: ${words}`
  })
}

function errorFields(error: unknown): { name: string; message: string } {
  return { name: error instanceof Error ? error.name : 'Error', message: describe(error) }
}

function stackOf(error: Error): string {
  const causes: string[] = []
  for (let at: unknown = error; at instanceof Error && causes.length < 8; at = at.cause) {
    causes.push(at.stack ?? at.message)
  }
  return escapeText(causes.join('\ncaused by '))
}

function withoutBigints(_: string, value: unknown): unknown {
  return typeof value === 'bigint' ? Number(value) : value
}
