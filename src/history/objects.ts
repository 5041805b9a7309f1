/**
 * Where the tree's objects go and come from: the packer on one side, the grid on the other.
 */

import type { ObjectKind } from '../../protocol/object.ts'
import type { Reference } from '../../protocol/reference.ts'

export interface ObjectSink {
  /**
   * Keep an object. Children come before the parents that hold their references.
   *
   * @param body - the object's body, uncompressed or compressed as its format says; the sink owns it
   * @returns where it will lie; the bytes need not be safe yet
   */
  put(kind: ObjectKind, body: Uint8Array): Promise<Reference>
}

export interface ObjectSource {
  /**
   * @returns the object's body, verified; a view the caller must not change
   * @throws {FormatError} when the bytes are not that object, or it is of another kind
   */
  read(reference: Reference, kind: ObjectKind): Promise<Uint8Array>
}

export interface SealedSource {
  /**
   * Read a sealed object of content as it lies in its pack; nothing is said of it until it is opened.
   *
   * @param target - as long as the object, to be filled
   */
  readSealed(reference: Reference, target: Uint8Array): Promise<void>
}
