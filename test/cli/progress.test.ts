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
    expect(stderr.lines[0]).toBe(progressText(STATE, 10_000))
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
    expect(stderr.lines).toEqual(['No news yet', `${progressText(STATE, 0)}  /home/a\\x1b[2J`])
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
      pass(31)
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

  it('says how long it will still take once there is something to go by', () => {
    expect(progressText(STATE, 1_000)).not.toContain('to go')
    expect(progressText(STATE, 10_000)).toBe(
      'upload  12 of 200 files, 5.0 MiB of 20.0 MiB, 10 s, 30 s to go',
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
