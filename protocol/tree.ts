/**
 * The tree: what a device's files were, at every snapshot, as values.
 *
 * One newest tree holds the whole history. A folder's entries have *spans*: from one snapshot until
 * another, what stood under the name. An entry is visible at snapshot N iff a span of the entry and
 * of every folder above it covers N. How the values become bytes: page.ts, past-page.ts,
 * index-page.ts, history.ts, list.ts. How they are written and read: src/history.
 *
 * The story with examples: docs/tree.md
 */

import type { Reference } from './reference.ts'

/** Longest name of an entry, bytes. */
export const NAME_SIZE_MAX = 1_024

/** Longest target of a symbolic link, bytes. */
export const TARGET_SIZE_MAX = 65_535

/** Longest user or group name, bytes of UTF-8. */
export const ACCOUNT_NAME_SIZE_MAX = 256

/** Most bytes that one list of extras may hold: as much as Linux allows one file's attributes. */
export const EXTRA_SIZE_MAX = 65_536

/** Extras numbered from here on may not be ignored: a reader that does not know one refuses. */
export const EXTRA_CRITICAL_MIN = 0x8000

/** Most references that one version holds directly; more go through `list` objects. */
export const PARTS_DIRECT_MAX = 64

/** Most levels of `list` objects between a version and its content. */
export const PARTS_DEPTH_MAX = 3

/** Folders inside folders inside one page; deeper ones get pages of their own. */
export const INLINE_DEPTH_MAX = 8

/** Highest snapshot sequence, so that version ids stay whole numbers: 2^42. */
export const SEQUENCE_MAX = 2 ** 42

/** Versions that one snapshot may add under one name. */
export const VERSIONS_PER_SNAPSHOT = 1_024

/** A moment: whole seconds since 1970, possibly negative, and 0–999,999,999 nanoseconds more. */
export interface Time {
  readonly seconds: number
  readonly nanoseconds: number
}

/**
 * Something a newer Cairn recorded: `type` 0–65,535, strictly ascending within a list. Types below
 * `EXTRA_CRITICAL_MIN` survive a rewrite by a program that does not know them.
 */
export interface Extra {
  readonly type: number
  readonly bytes: Uint8Array
}

/** What lstat said, and what the accounts were called. */
export interface Attributes {
  /** Permission bits with setuid, setgid and sticky: 0o0000–0o7777. */
  readonly mode: number
  /** 0–2^32 − 1, as `gid`. */
  readonly uid: number
  readonly gid: number
  readonly userName?: string | undefined
  readonly groupName?: string | undefined
  readonly mtime: Time
  readonly ctime: Time
  /** Seconds since 1970 in which the file was made, where its file system tells; −2^52 to 2^52 − 1. */
  readonly bornAt?: number | undefined
  /** 0–2^64 − 1. */
  readonly inode: bigint
  /** Bytes, 0–2^53 − 1; for folders and links whatever the file system calls their size. */
  readonly size: number
  /** What else it has: file-extras.ts. */
  readonly extra: readonly Extra[]
}

/** `versionId(sequence, ordinal)`: unique under a name for ever. */
export type VersionId = number

/** @param ordinal - 0–1,023: which of the versions that one snapshot added under the name */
export function versionId(sequence: number, ordinal: number): VersionId {
  return sequence * VERSIONS_PER_SNAPSHOT + ordinal
}

/** How calm the file was while it was read (docs/glossary.md). */
export type VersionLabel = 'stable' | 'retried' | 'copied' | 'fuzzy' | 'app-consistent'

/**
 * Where content lies. Depth 0: `content` (or `delta`) objects in order. Depth d > 0: `list` objects,
 * each of up to 512 references of depth d − 1. Nothing at all for an empty file.
 */
export interface Parts {
  readonly depth: number
  /** Up to `PARTS_DIRECT_MAX`. */
  readonly references: readonly Reference[]
}

export type VersionContent =
  | { readonly type: 'original'; readonly parts: Parts }
  | { readonly type: 'delta'; readonly base: VersionId; readonly parts: Parts }

/** One state of a file's content. */
export interface Version {
  readonly id: VersionId
  /** Bytes of the whole content. */
  readonly size: number
  /** SHA-256 of the whole content, 32 bytes; `undefined` only where one object's key commits to it. */
  readonly digest: Uint8Array | undefined
  readonly label: VersionLabel
  readonly content: VersionContent
  readonly extra: readonly Extra[]
}

/** One file's versions, ids ascending: in the page, or in `history` objects of their own. */
export type History =
  | { readonly type: 'inline'; readonly versions: readonly Version[] }
  | { readonly type: 'stored'; readonly reference: Reference }

/**
 * A folder's entries. `stored` refers to a page (level 0) or to an index page (level 1 and up).
 * `next` stands for the node of the span that follows at once, where a folder lived on with other
 * attributes; it occurs inside pages only and the tree reader never gives it out.
 */
export type FolderNode =
  | { readonly type: 'inline'; readonly entries: readonly Entry[] }
  | { readonly type: 'stored'; readonly level: number; readonly reference: Reference }
  | { readonly type: 'next' }

/** What a device file stands for: both 0–2^32 − 1. */
export interface DeviceNumber {
  readonly major: number
  readonly minor: number
}

export type What =
  | { readonly kind: 'file'; readonly version: VersionId }
  | { readonly kind: 'folder'; readonly node: FolderNode }
  | { readonly kind: 'symlink'; readonly target: Uint8Array }
  | { readonly kind: 'fifo' }
  | { readonly kind: 'characterDevice' | 'blockDevice'; readonly device: DeviceNumber }

/** What stood under a name in the snapshots `from` ≤ N < `until`; `undefined` means to this day. */
export interface Span {
  readonly from: number
  readonly until: number | undefined
  readonly attributes: Attributes
  readonly what: What
}

/** A name in a folder, with its spans (oldest first, never overlapping) and its file's history. */
export interface Entry {
  /** 1–`NAME_SIZE_MAX` bytes, without 0x00 and `/`, not `.` or `..`. */
  readonly name: Uint8Array
  readonly spans: readonly Span[]
  readonly history: History | undefined
}

/** A past page of a page: holds spans that lie within `from` ≤ N < `until`. */
export interface PastLink {
  readonly from: number
  readonly until: number
  readonly reference: Reference
}

/** Part of a page that a newer Cairn wrote and an older one keeps: `type` ≥ 128. */
export interface Section {
  readonly type: number
  readonly bytes: Uint8Array
}

/** A stretch of a folder: names strictly ascending. */
export interface Page {
  readonly entries: readonly Entry[]
  readonly past: readonly PastLink[]
  readonly sections: readonly Section[]
}

/** One child of an index page: it holds every name from `lower` up to the next row's. */
export interface IndexRow {
  /** Empty for the first page of a folder. */
  readonly lower: Uint8Array
  readonly reference: Reference
}

/** An index over pages (level 1) or over index pages one level below. */
export interface IndexPage {
  readonly level: number
  readonly rows: readonly IndexRow[]
  readonly sections: readonly Section[]
}

/** @returns whether the span covers the snapshot */
export function covers(span: Span, sequence: number): boolean {
  return span.from <= sequence && (span.until === undefined || sequence < span.until)
}
