/**
 * The root of Cairn's errors, and the family of trouble in the bytes.
 *
 * A class name is the stable code (`error.name`); fields carry the facts; `cause` keeps the origin.
 * Every name has its row in docs/errors.md.
 */

/** Every error Cairn raises on purpose. */
export abstract class CairnError extends Error {
  abstract override readonly name: string
}

/** Bytes that are not what their format says. Whoever meets one counts the bytes as lost. */
export class FormatError extends CairnError {
  override readonly name: string = 'FormatError'
}

/** A name or a format version that a newer Cairn wrote. */
export class VersionError extends FormatError {
  override readonly name = 'VersionError'
}
