/** BenchError: a step of the bench did not do what it had to; its figures would mean nothing. */

export class BenchError extends Error {
  override readonly name: string = 'BenchError'
}
