import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

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
})

function readLines(file: string): LogLine[] {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  return lines.map((line) => {
    const { level, event, time, ...fields } = JSON.parse(line)
    expect(new Date(time).getTime()).not.toBeNaN()
    return { level, event, fields }
  })
}
