import { describe, expect, it } from 'vitest'

import { InterruptedError, listenForShutdown } from '../../src/adapters/shutdown-signal.ts'

describe('a request to stop', () => {
  it('aborts the signal with the system’s word for it, once', () => {
    const { signal } = listenForShutdown()
    expect(signal.aborted).toBe(false)
    process.emit('SIGTERM', 'SIGTERM')
    expect(signal.reason).toBeInstanceOf(InterruptedError)
    expect(signal.reason).toMatchObject({ name: 'InterruptedError', signal: 'SIGTERM' })
    expect(process.listenerCount('SIGINT')).toBe(0)
  })

  it('is left to the system once nobody listens', () => {
    const before = process.listenerCount('SIGINT')
    const shutdown = listenForShutdown()
    expect(process.listenerCount('SIGINT')).toBe(before + 1)
    shutdown.dispose()
    expect(process.listenerCount('SIGINT')).toBe(before)
  })
})
