/** Clock: what time it is, and waiting. */
export interface Clock {
  /** Wall time in milliseconds since 1970 UTC. It may jump either way; order never rests on it. */
  now(): number

  /** Milliseconds since some fixed moment of this process. Never goes back. */
  monotonic(): number

  /**
   * Resolves after `ms` milliseconds of monotonic time.
   *
   * @throws the signal's reason, unchanged, once it aborts
   */
  sleep(ms: number, signal?: AbortSignal): Promise<void>

  /**
   * Have `action` happen once after `ms` milliseconds of monotonic time. It throws nothing.
   *
   * @returns calls it off; does nothing once it happened
   */
  after(ms: number, action: () => void): () => void
}
