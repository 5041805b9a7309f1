/** Random: unpredictable bytes; in the simulator, bytes that only the seed predicts. */
export interface Random {
  /** @returns `length` fresh bytes, an array of its own */
  bytes(length: number): Uint8Array
}
