/** WorkloadError: a workload cannot be made here; the bench reports it and goes on without. */

import { BenchError } from '../bench-error.ts'

export class WorkloadError extends BenchError {
  override readonly name = 'WorkloadError'
}
