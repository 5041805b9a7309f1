import { describe, expect, it, vi } from 'vitest'
import { Output } from '../../src/cli/output.ts'
import { ProgressLine, progressText, type ProgressState } from '../../src/cli/progress.ts'
import { Collector } from './collector.ts'

const STATE: ProgressState = {
  phase: 'upload',
  filesDone: 12,
  filesTotal: 200,
  bytesDone: 5 * 2 ** 20,
  bytesTotal: 20 * 2 ** 20,
  current: new Uint8Array(Buffer.from('/home/a\u001b[2J')),
}

describe('progress', () => {
  it('on a terminal is one line, redrawn at most ten times a second', () => {
    const { progress, stderr, at } = make({ isTTY: true })
    for (let ms = 0; ms < 1000; ms += 10) {
      at.ms = ms
      progress.update(STATE)
    }
    expect(stderr.text.split('\r').length - 1).toBe(10)
    expect(stderr.text).not.toContain('\n')
    progress.stop()
    expect(stderr.text.endsWith('\r\u001b[K')).toBe(true)
  })

  it('on a terminal fits the width and lets no name command it', () => {
    const { progress, stderr } = make({ isTTY: true, columns: 60 })
    progress.update(STATE)
    const drawn = stderr.text.replaceAll('\r\u001b[K', '')
    expect(drawn.length).toBeLessThan(60)
    expect(drawn).not.toContain('\u001b')
  })

  it('elsewhere is a plain line every ten seconds', () => {
    const { progress, stderr, at } = make({ isTTY: false })
    for (let ms = 0; ms <= 30_000; ms += 100) {
      at.ms = ms
      progress.update(STATE)
    }
    expect(stderr.lines).toHaveLength(3)
    expect(stderr.lines[0]).toBe(progressText(STATE, { elapsedMs: 10_000 }))
    expect(stderr.text).not.toContain('\u001b')
  })

  it('is told at once when somebody asks with SIGUSR1, between start and stop', () => {
    const { progress, stderr } = make({ isTTY: false })
    progress.start()
    process.emit('SIGUSR1')
    progress.update(STATE)
    process.emit('SIGUSR1')
    progress.stop()
    expect(process.listenerCount('SIGUSR1')).toBe(0)
    const text = progressText(STATE, { elapsedMs: 0 })
    expect(stderr.lines).toEqual(['No news yet', `${text}  /home/a\\x1b[2J`])
  })

  it('says once that there is no news for half a minute, and of what', () => {
    vi.useFakeTimers()
    try {
      const { progress, stderr, at } = make({ isTTY: true })
      progress.start()
      progress.update(STATE)
      const pass = (seconds: number) => {
        for (let second = 0; second < seconds; second += 1) {
          at.ms += 1000
          vi.advanceTimersByTime(1000)
        }
      }
      pass(29)
      expect(stderr.text).not.toContain('warning')
      pass(60)
      expect(stderr.text.match(/warning: No news for 30/g)).toHaveLength(1)
      progress.update({ ...STATE, bytesDone: STATE.bytesDone + 1 })
      pass(29)
      // What a friend took is news, too.
      progress.update({ ...STATE, bytesDone: STATE.bytesDone + 1, bytesSent: 1 })
      pass(29)
      expect(stderr.text.match(/warning: No news for 30/g)).toHaveLength(1)
      pass(2)
      expect(stderr.text.match(/warning: No news for 30/g)).toHaveLength(2)
      progress.stop()
    } finally {
      vi.useRealTimers()
    }
  })

  it('as JSON is a status record at most once a second', () => {
    const { progress, stdout, stderr, at } = make({ isTTY: true }, true)
    for (let ms = 0; ms <= 3_000; ms += 100) {
      at.ms = ms
      progress.update(STATE)
    }
    expect(stderr.text).toBe('')
    expect(stdout.records).toHaveLength(3)
    expect(stdout.records[0]).toMatchObject({
      message_type: 'status',
      action: 'upload',
      percent_done: 0.25,
      files_done: 12,
      total_files: 200,
    })
  })

  it('says how long it will still take by what this phase did so far, however long others took', () => {
    const { progress, stderr, stdout, at } = make({ isTTY: false }, true)
    progress.update({ ...STATE, phase: 'scan' })
    at.ms = 100_000
    progress.update({ ...STATE, bytesDone: 0 })
    at.ms += 1_000
    progress.update({ ...STATE, bytesDone: 2 ** 20 })
    expect(stdout.records.at(-1)).not.toHaveProperty('seconds_remaining')
    at.ms += 9_000
    progress.update(STATE)
    expect(stdout.records.at(-1)).toMatchObject({ seconds_elapsed: 110, seconds_remaining: 30 })
    expect(stdout.records.at(-1)).not.toHaveProperty('is_estimate')
    expect(stderr.text).toBe('')
    expect(
      progressText({ ...STATE, bytesSent: 2 ** 21 }, { elapsedMs: 10_000, restMs: 30_000 }),
    ).toBe('upload  12 of 200 files, 5.0 MiB of 20.0 MiB, 2.0 MiB sent, 10 s, 30 s to go')
  })

  it('says "about" of what the last snapshots had, and goes by files where bytes are not known', () => {
    const { progress, stderr, at } = make({ isTTY: false })
    const scan = { ...STATE, phase: 'scan', isEstimate: true, bytesTotal: undefined }
    progress.update({ ...scan, filesDone: 0 })
    at.ms = 10_000
    progress.update({ ...scan, filesDone: 50 })
    expect(stderr.lines).toEqual(['scan  50 of about 200 files, 5.0 MiB, 10 s, about 30 s to go'])
    const json = make({ isTTY: false }, true)
    json.progress.update({ ...scan, filesDone: 0 })
    json.at.ms = 10_000
    json.progress.update({ ...scan, filesDone: 50 })
    expect(json.stdout.records).toEqual([
      {
        message_type: 'status',
        action: 'scan',
        seconds_elapsed: 10,
        seconds_remaining: 30,
        percent_done: 0.25,
        is_estimate: true,
        total_files: 200,
        files_done: 50,
        bytes_done: 5 * 2 ** 20,
        current_files: ['/home/a\u001b[2J'],
      },
    ])
  })

  it('promises nothing where no total is known', () => {
    const { progress, stdout, at } = make({ isTTY: false }, true)
    const scan = { ...STATE, phase: 'scan', filesTotal: undefined, bytesTotal: undefined }
    progress.update(scan)
    at.ms = 60_000
    progress.update({ ...scan, filesDone: 100 })
    const [record] = stdout.records
    expect(record).toMatchObject({ percent_done: 0, files_done: 100 })
    for (const field of ['seconds_remaining', 'total_files', 'total_bytes', 'is_estimate']) {
      expect(record).not.toHaveProperty(field)
    }
    expect(progressText({ ...scan, filesDone: 1 }, { elapsedMs: 1000 })).toBe(
      'scan  1 file, 5.0 MiB, 1.0 s',
    )
  })
})

function make(terminal: { isTTY: boolean; columns?: number }, isJson = false) {
  const stdout = new Collector()
  const stderr = new Collector(terminal)
  const at = { ms: 0 }
  const progress = new ProgressLine(new Output({ stdout, stderr }, { isJson }), () => at.ms)
  return { progress, stdout, stderr, at }
}
