/**
 * The other four families of errors; `FormatError` is in protocol/errors.ts. The family tells the
 * caller what can be done: see docs/errors.md.
 */

import { CairnError } from '../../protocol/errors.ts'

export { CairnError, FormatError } from '../../protocol/errors.ts'

/** Trouble at one peer: ask another, or later. */
export class PeerError extends CairnError {
  override readonly name: string = 'PeerError'
}

/** Nobody answered at any known address, or it was somebody else. */
export class PeerUnreachableError extends PeerError {
  override readonly name = 'PeerUnreachableError'
  /** It was there, and hung up once it knew who we are: to it we are no member of its grid. */
  readonly isTurnedAway: boolean

  constructor(message: string, options: ErrorOptions & { readonly isTurnedAway?: boolean } = {}) {
    super(message, options)
    this.isTurnedAway = options.isTurnedAway ?? false
  }
}

/** The peer is there, and does not serve the protocol that was asked for. */
export class ProtocolNotServedError extends PeerError {
  override readonly name = 'ProtocolNotServedError'
}

/** The stream or its connection broke. */
export class StreamResetError extends PeerError {
  override readonly name = 'StreamResetError'
}

/** A peer took longer than its time limit allows. */
export class PeerTimeoutError extends PeerError {
  override readonly name = 'PeerTimeoutError'
}

/** A peer understood the request and said no; `code` is the wire's word for why. */
export class PeerRefusedError extends PeerError {
  override readonly name = 'PeerRefusedError'
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Trouble with our own state on this machine: the queue is kept and the person is told. */
export class DiskError extends CairnError {
  override readonly name: string = 'DiskError'
}

/** No space left for our own state. */
export class DiskFullError extends DiskError {
  override readonly name = 'DiskFullError'
}

/** Another process works on this home, or on this database. */
export class LockedError extends DiskError {
  override readonly name = 'LockedError'
  readonly path: string

  constructor(path: string, options?: ErrorOptions) {
    super(`${path} is in use by another process`, options)
    this.path = path
  }
}

/** A database whose bytes are not what SQLite wrote; set it aside and build another. */
export class DatabaseDamagedError extends DiskError {
  override readonly name: string = 'DatabaseDamagedError'
  readonly path: string

  constructor(path: string, trouble: string, options?: ErrorOptions) {
    super(`${path} is damaged: ${trouble}`, options)
    this.path = path
  }
}

/** Trouble with one of the person's own files: it is listed, and the rest goes on. */
export class FilesError extends CairnError {
  override readonly name: string = 'FilesError'
  /** The system's word: ENOENT, EACCES, ENOSPC, EEXIST … */
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

/** Trouble in what the grid holds: the person is told and we keep trying. */
export class RecoveryError extends CairnError {
  override readonly name: string = 'RecoveryError'
}

/** Trouble in the request: it is explained. */
export class UsageError extends CairnError {
  override readonly name: string = 'UsageError'
}
