/** The person's wish to stop, as an AbortSignal. */

import { CairnError } from '../base/errors.ts'

/** Ctrl-C, a service manager's stop, a closed terminal. */
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** The person, or the system, asked this process to stop. */
export class InterruptedError extends CairnError {
  override readonly name = 'InterruptedError'
  readonly signal: NodeJS.Signals

  constructor(signal: NodeJS.Signals) {
    super(`interrupted by ${signal}`)
    this.signal = signal
  }
}

export interface Shutdown {
  /** Aborts with an InterruptedError at the first request to stop. */
  readonly signal: AbortSignal
  /** Stop listening: later requests end the process as the system does by default. */
  dispose(): void
}

/**
 * Listen for requests to stop.
 *
 * The first one aborts the signal, and the work winds down; from then on the system's default holds
 * again, so a second one ends the process at once. Nothing is lost by that, only left for later.
 */
export function listenForShutdown(): Shutdown {
  const controller = new AbortController()
  const dispose = (): void => {
    for (const name of SIGNALS) process.removeListener(name, stop)
  }
  const stop = (name: NodeJS.Signals): void => {
    dispose()
    controller.abort(new InterruptedError(name))
  }
  for (const name of SIGNALS) process.on(name, stop)
  return { signal: controller.signal, dispose }
}
