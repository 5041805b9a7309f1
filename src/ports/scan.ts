/**
 * Scanning: what is in folders and below, told in stretches.
 *
 * A stretch is a run of neighbours in one folder, in order of their names. Folders come in tree
 * order: all stretches of a folder, then its first folder with all below it, then the next. So a scan
 * and a table sorted by folder and name can be read side by side.
 *
 * What is in a stretch is packed (src/base/stretch.ts): millions of names would be as many objects.
 */

import type { PathBytes } from './files.ts'

/** One pattern in gitignore's syntax: src/source/rules.ts says what it means here. */
export interface ScanPattern {
  readonly text: string
  /** Where it stands, for a person: an option, or a file and its line. */
  readonly origin: string
  readonly isCaseIgnored: boolean
}

/** What is in a folder is left out, but for the tag, where a file of this name is in it. */
export interface ScanTag {
  readonly name: string
  /** What the file must begin with. */
  readonly header: string
  readonly origin: string
}

/** What is left out below the folders of a request; the folders themselves are in. */
export interface ScanRules {
  /** In order: the last that matches decides. */
  readonly patterns: readonly ScanPattern[]
  readonly tags: readonly ScanTag[]
  /** Files with more bytes than this are left out. */
  readonly sizeMax: number | undefined
  /** What is mounted below the folders is left out, but for the places where it is mounted. */
  readonly isOneFileSystem: boolean
}

/** Where something may have changed. */
export interface ScanHint {
  readonly folder: PathBytes
  /** Whether all below it is looked at, or only what lies in the folder itself. */
  readonly isDeep: boolean
}

export interface ScanRequest {
  /** Folders to look into, none within another, in tree order; nothing is told of themselves. */
  readonly folders: readonly PathBytes[]
  /** Passed over with all that is in them. */
  readonly excluded: readonly PathBytes[]
  /** Without rules everything is in. */
  readonly rules?: ScanRules
  /** Go only to this path, and tell why it is left out, if it is: what is beside the way is not looked at. */
  readonly only?: PathBytes
  /**
   * Look only at what is in these, and tell of nothing else: a folder that is not there any more, or that a
   * rule leaves out, is passed over in silence.
   */
  readonly hints?: readonly ScanHint[]
}

/** What could not be seen, and the system's word for why. */
export interface ScanTrouble {
  readonly name: Uint8Array
  readonly code: string
}

export interface Stretch {
  readonly type: 'stretch'
  readonly folder: PathBytes
  /** All names of the stretch sort behind this one; empty at the folder's beginning. */
  readonly after: Uint8Array
  /** The last name there was in the stretch; `undefined` where the folder ends with it. */
  readonly until: Uint8Array | undefined
  /** Name and status of each path that is backed up. */
  readonly records: Uint8Array
  /** SHA-256 over records and bounds: where it is as before, nothing changed. */
  readonly digest: Uint8Array
  readonly files: number
  readonly folders: number
  readonly symlinks: number
  /** Of all files together. */
  readonly bytes: number
  /** FIFOs and devices. */
  readonly specials: number
  /** Sockets: in no record. */
  readonly unsupported: number
  /** Names left out by a rule, not counting what is in them: in no record. */
  readonly leftOut: number
  /** Names that were listed and then could not be seen: in no record. */
  readonly troubles: readonly ScanTrouble[]
}

/** A folder that could not be listed: nothing is known of what is in it. */
export interface Unlisted {
  readonly type: 'unlisted'
  readonly folder: PathBytes
  readonly code: string
}

/** Why what is in a folder was passed over. */
export type PassedWhy =
  /** It holds a tag that says so. */
  | 'tag'
  /** Another file system is mounted there. */
  | 'mount'
  /** The system shows itself there: processes, devices, settings of the kernel. */
  | 'system'
  /** It is a source, and a link: what it leads to was not named. */
  | 'link'

/** A folder, or a link to one, whose own entry is told, and nothing in it but the tag; a folder's stretch is empty but for that. */
export interface PassedFolder {
  readonly type: 'passed'
  readonly folder: PathBytes
  readonly why: PassedWhy
}

/** Where the way to the one path ends that was asked for. */
export interface LeftOut {
  readonly type: 'left-out'
  readonly folder: PathBytes
  readonly name: Uint8Array
  readonly why: 'pattern' | 'tag' | 'size' | 'mount' | 'excluded'
  /** The rule, for a person; empty where there is one alone of its kind. */
  readonly rule: string
}

export type Scanned = Stretch | Unlisted | PassedFolder | LeftOut

export interface Scanning {
  /**
   * Look into folders, and into those below, at the reader's pace: only a few batches are made ahead.
   * Links are not followed. What goes wrong at one path is told, and the scan goes on behind it.
   */
  scan(request: ScanRequest, signal: AbortSignal): AsyncIterable<readonly Scanned[]>
}
