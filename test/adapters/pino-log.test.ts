import { existsSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { LogFile } from '../../src/adapters/log-file.ts'
import { PinoLog } from '../../src/adapters/pino-log.ts'
import { logSuite } from '../ports/log.suite.ts'
import type { LogLine } from '../ports/log.suite.ts'
import { makeFolder } from './folder.ts'

logSuite('PinoLog', () => {
  const file = join(makeFolder(), 'log')
  return { log: new PinoLog({ level: 'debug', file }), lines: () => readLines(file) }
})

describe('PinoLog', () => {
  it('is silent below its level', () => {
    const file = join(makeFolder(), 'log')
    const log = new PinoLog({ level: 'warn', file })
    log.info('scan-started')
    log.warn('peer-slow')
    expect(readLines(file).map((line) => line.event)).toEqual(['peer-slow'])
  })

  it('goes on in the same file, which nobody else may read', () => {
    const file = join(makeFolder(), 'log')
    new PinoLog({ level: 'info', file }).info('first')
    new PinoLog({ level: 'info', file }).info('second')
    expect(readLines(file).map((line) => line.event)).toEqual(['first', 'second'])
    expect(statSync(file).mode & 0o777).toBe(0o600)
  })

  it.skipIf(!existsSync('/dev/full'))('does not end who logs to a full disk', () => {
    const log = new PinoLog({ level: 'info', file: '/dev/full' })
    for (let count = 0; count < 3; count += 1) {
      expect(() => log.error('sweep failed')).not.toThrow()
    }
  })
})

describe('a log file', () => {
  it('that is full makes room for the next, and only the one before it stays', () => {
    const path = join(makeFolder(), 'log')
    const [log, other] = [new LogFile(path, 10), new LogFile(path, 10)]
    for (let line = 1; line <= 7; line += 1) log.write(`l-${line}\n`)
    expect(readFileSync(`${path}.1`, 'utf8')).toBe('l-5\nl-6\n')
    expect(readFileSync(path, 'utf8')).toBe('l-7\n')
    // Another program's file was renamed under it: it goes on in the new one, and renames nothing.
    for (const line of ['a', 'b', 'c']) other.write(`o-${line}\n`)
    expect(readFileSync(path, 'utf8')).toBe('l-7\no-c\n')
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })
})

function readLines(file: string): LogLine[] {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  return lines.map((line) => {
    const { level, event, time, ...fields } = JSON.parse(line)
    expect(new Date(time).getTime()).not.toBeNaN()
    return { level, event, fields }
  })
}
