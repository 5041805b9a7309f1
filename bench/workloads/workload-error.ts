/** WorkloadError: a workload cannot be made here; the bench reports it and goes on without. */

export class WorkloadError extends Error {
  override readonly name = 'WorkloadError'
}
