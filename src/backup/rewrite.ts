/** Rewrites: what maintenance asks of the publisher. */

import type { Root } from '../../protocol/root.ts'
import type { ObjectSink, ObjectSource } from '../history/objects.ts'

/** What maintenance makes of the newest root; it adds no snapshot. */
export interface Rewrite {
  /** @returns the same history, told otherwise; device and sequence are the publisher's */
  readonly root: (
    old: Root,
    parts: {
      readonly sink: ObjectSink
      /** Gives old objects, and those that went into `sink`. */
      readonly source: ObjectSource
      readonly sequence: number
    },
  ) => Promise<Omit<Root, 'device' | 'sequence'>>
  /** Notes in local state what holds once the head is published; a crash before that undoes nothing. */
  readonly plan: (sequence: number) => void
  /** Whether the pack table is written whole, without what is planned to be released. */
  readonly isWholeLedger: boolean
}
