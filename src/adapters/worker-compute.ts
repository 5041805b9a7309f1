/**
 * WorkerCompute: codecs in worker threads.
 *
 * A few threads, started when first needed. Each run lives in one of them, the one with the fewest
 * runs. Threads never keep the process alive by themselves, only while work is under way.
 */

import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'

import { assert } from '../base/assert.ts'
import { CairnError } from '../base/errors.ts'
import type {
  CodecInput,
  CodecOutput,
  CodecParams,
  CodecRun,
  CodecTable,
  Compute,
} from '../ports/compute.ts'
import { fromFailure, handOver } from './worker-messages.ts'
import type { Answer, Call, ErrorClass } from './worker-messages.ts'

/** More threads than this rarely help: the network is slower than two cores of codecs. */
const THREADS_MAX_DEFAULT = 2

/** People cannot do anything about what is experimental in Node (`system-sha256.ts`). */
const QUIET = ['--disable-warning=ExperimentalWarning']

/** Beside this module, in the checkout as TypeScript and in the package as JavaScript. */
const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './codec-worker.ts' : './codec-worker.js',
  import.meta.url,
)

/** The workers were stopped, before or during the work. */
export class ComputeStoppedError extends CairnError {
  override readonly name = 'ComputeStoppedError'

  constructor() {
    super('the workers were stopped')
  }
}

/** A worker thread died under its runs: out of memory, most likely. */
export class WorkerLostError extends CairnError {
  override readonly name = 'WorkerLostError'
}

export interface WorkerComputeOptions {
  /** The module that exports the table as `codecs`; each thread loads it. */
  readonly table: URL
  /** Classes of errors that its codecs throw; others come back as their family. */
  readonly errors?: readonly ErrorClass[]
  /** By default two, or one where there is one core. */
  readonly threads?: number
}

export class WorkerCompute<Table extends CodecTable> implements Compute<Table> {
  readonly #options: WorkerComputeOptions
  readonly #threadCountMax: number
  readonly #threads = new Set<Thread>()
  #runCount = 0
  #isStopped = false

  constructor(options: WorkerComputeOptions) {
    this.#options = options
    this.#threadCountMax = options.threads ?? Math.min(THREADS_MAX_DEFAULT, availableParallelism())
  }

  async open<Name extends keyof Table & string>(
    codec: Name,
    params: CodecParams<Table[Name]>,
  ): Promise<CodecRun<CodecInput<Table[Name]>, CodecOutput<Table[Name]>>> {
    if (this.#isStopped) throw new ComputeStoppedError()
    const run = new WorkerRun<CodecInput<Table[Name]>, CodecOutput<Table[Name]>>(
      this.#leastBusy(),
      this.#runCount++,
    )
    await run.open(codec, params)
    return run
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all([...this.#threads].map((thread) => thread.stop()))
  }

  #leastBusy(): Thread {
    const [idlest] = [...this.#threads].toSorted((a, b) => a.runCount - b.runCount)
    const hasRoom = this.#threads.size < this.#threadCountMax
    if (idlest !== undefined && (idlest.runCount === 0 || !hasRoom)) return idlest
    const thread = new Thread(this.#options, () => this.#threads.delete(thread))
    this.#threads.add(thread)
    return thread
  }
}

class WorkerRun<Input, Output> implements CodecRun<Input, Output> {
  readonly #thread: Thread
  readonly #id: number
  #isEnded = false

  constructor(thread: Thread, id: number) {
    this.#thread = thread
    this.#id = id
    thread.runCount++
  }

  async open(codec: string, params: unknown): Promise<void> {
    await this.#call({ type: 'open', codec, params })
  }

  async push(input: Input): Promise<Output[]> {
    assert(!this.#isEnded, 'a run that has ended takes nothing more')
    const { value, buffers } = handOver(input)
    return this.#call({ type: 'push', input: value }, buffers)
  }

  async close(): Promise<Output[]> {
    assert(!this.#isEnded, 'a run that has ended is not closed again')
    const outputs = await this.#call({ type: 'close' })
    this.#end()
    return outputs
  }

  cancel(): void {
    if (this.#isEnded) return
    this.#end()
    this.#thread.call(this.#id, { type: 'cancel' }, []).catch(ignore)
  }

  async #call(work: Call['work'], buffers: readonly ArrayBuffer[] = []): Promise<Output[]> {
    try {
      // The table's types say what its codecs give.
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      return (await this.#thread.call(this.#id, work, buffers)) as Output[]
    } catch (error) {
      this.#end()
      throw error
    }
  }

  #end(): void {
    if (!this.#isEnded) this.#thread.runCount--
    this.#isEnded = true
  }
}

/** One worker thread and the calls that wait for its answers. */
class Thread {
  runCount = 0
  readonly #worker: Worker
  readonly #errors: readonly ErrorClass[]
  readonly #pending = new Map<number, PromiseWithResolvers<unknown[]>>()
  #callCount = 0
  /** Why no call can be answered any more. */
  #end: Error | undefined

  constructor(options: WorkerComputeOptions, onEnd: () => void) {
    this.#errors = options.errors ?? []
    this.#worker = new Worker(WORKER, { workerData: options.table.href, execArgv: QUIET })
    this.#worker.unref()
    this.#worker.on('message', (answer: Answer) => this.#onAnswer(answer))
    const lose = (message: string, cause?: unknown): void => {
      onEnd()
      this.#onEnd(new WorkerLostError(message, { cause }))
    }
    this.#worker.on('error', (cause) => lose(`a worker thread failed: ${String(cause)}`, cause))
    this.#worker.on('exit', () => lose('a worker thread ended'))
  }

  async call(run: number, work: Call['work'], buffers: readonly ArrayBuffer[]): Promise<unknown[]> {
    if (this.#end !== undefined) throw this.#end
    const call = this.#callCount++
    const answered = Promise.withResolvers<unknown[]>()
    this.#pending.set(call, answered)
    this.#worker.ref()
    this.#worker.postMessage({ call, run, work } satisfies Call, buffers)
    return answered.promise
  }

  async stop(): Promise<void> {
    this.#onEnd(new ComputeStoppedError())
    await this.#worker.terminate()
  }

  #onAnswer(answer: Answer): void {
    const answered = this.#pending.get(answer.call)
    this.#pending.delete(answer.call)
    if (this.#pending.size === 0) this.#worker.unref()
    if ('outputs' in answer) answered?.resolve(answer.outputs)
    else answered?.reject(fromFailure(answer.failure, this.#errors))
  }

  /** The first reason counts. */
  #onEnd(reason: Error): void {
    this.#end ??= reason
    for (const answered of this.#pending.values()) answered.reject(this.#end)
    this.#pending.clear()
  }
}

function ignore(): void {}
