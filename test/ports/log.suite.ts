/** What every Log promises. */

import { describe, expect, it } from 'vitest'

import type { Log, LogFields } from '../../src/ports/log.ts'

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly event: string
  readonly fields: LogFields
}

export interface LogWorld {
  readonly log: Log
  /** What was written so far, down to `debug`. */
  readonly lines: () => readonly LogLine[] | Promise<readonly LogLine[]>
}

export function logSuite(name: string, makeWorld: () => LogWorld | Promise<LogWorld>): void {
  describe(`${name} as a Log`, () => {
    it('writes events in order, with their level and fields', async () => {
      const { log, lines } = await makeWorld()
      log.debug('scan-started')
      log.info('pack-placed', { shares: 7, isSafe: true })
      log.warn('peer-slow', { peer: '12D3Koo', ms: 1500 })
      log.error('disk-full', { free: 0 })

      expect(await lines()).toEqual([
        { level: 'debug', event: 'scan-started', fields: {} },
        { level: 'info', event: 'pack-placed', fields: { shares: 7, isSafe: true } },
        { level: 'warn', event: 'peer-slow', fields: { peer: '12D3Koo', ms: 1500 } },
        { level: 'error', event: 'disk-full', fields: { free: 0 } },
      ])
    })

    it('leaves out fields that are undefined', async () => {
      const { log, lines } = await makeWorld()
      log.info('head-found', { sequence: 4, from: undefined })
      expect(await lines()).toEqual([
        { level: 'info', event: 'head-found', fields: { sequence: 4 } },
      ])
    })

    it('keeps a line a line, whatever a field holds', async () => {
      const { log, lines } = await makeWorld()
      const hostile = 'a\nb "c" \u001b[31m \ud800'
      log.info('file-failed', { message: hostile })
      const written = await lines()
      expect(written).toHaveLength(1)
      expect(written[0]?.fields['message']).toBe(hostile)
    })
  })
}
