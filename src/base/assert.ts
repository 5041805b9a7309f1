/** A claim about this program itself broke: a bug, never bad input. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError'
}

/**
 * States what must be true of this program, and why it holds.
 *
 * @throws {AssertionError}
 */
export function assert(claim: unknown, why: string): asserts claim {
  if (!claim) throw new AssertionError(why)
}
