/**
 * Compute: heavy, pure work. Worker threads in the real world, inline in the simulator.
 *
 * A codec is a synchronous state machine: made from parameters, fed inputs, giving outputs. The table
 * of codecs is `src/codec/codecs.ts`; this port only carries them.
 */

/** A synchronous codec: what runs inside the worker. */
export interface Codec<Input, Output> {
  /** @returns what can be told so far */
  push(input: Input): Output[]
  /** No more input. @returns the rest */
  close(): Output[]
}

/** For each codec's name: how it is made. */
export type CodecTable = Readonly<
  // oxlint-disable-next-line typescript/no-explicit-any -- a table of any codecs; each row is typed
  Record<string, (params: any) => Codec<any, any>>
>

export type CodecParams<Factory> = Factory extends (params: infer Params) => unknown
  ? Params
  : never
export type CodecInput<Factory> = Factory extends (params: never) => Codec<infer Input, unknown>
  ? Input
  : never
export type CodecOutput<Factory> = Factory extends (params: never) => Codec<infer _, infer Output>
  ? Output
  : never

/** A codec at work somewhere. Inputs are handed over: the caller must not touch their buffers again. */
export interface CodecRun<Input, Output> {
  /** One at a time: await each push before the next. */
  push(input: Input): Promise<Output[]>
  /** Ends the run and frees what it held. */
  close(): Promise<Output[]>
  /** Ends the run without a result. Safe to call at any time. */
  cancel(): void
}

export interface Compute<Table extends CodecTable> {
  open<Name extends keyof Table & string>(
    codec: Name,
    params: CodecParams<Table[Name]>,
  ): Promise<CodecRun<CodecInput<Table[Name]>, CodecOutput<Table[Name]>>>
  /** Stops the workers. */
  stop(): Promise<void>
}
