/**
 * Network: streams of bytes between peers who know each other's identity.
 *
 * Framing, messages, time limits and retries are ours and live above this port, so they run in the
 * simulator too. An adapter authenticates both ends before a stream exists.
 */

/** A peer's public identity in libp2p's text form (`12D3Koo…`); the same in every world. */
export type PeerId = string & { readonly brand: 'PeerId' }

/** A two-way stream of bytes. Chunk boundaries mean nothing. */
export interface ByteStream {
  /** Who is at the other end; authenticated. */
  readonly remote: PeerId

  /**
   * What arrives, at the reader's pace. Ends when the other side ends its writing. May be iterated
   * once. A returned iterator stops reading but leaves the writing side open.
   *
   * @throws {StreamResetError} when the stream or its connection breaks
   */
  readonly source: AsyncIterable<Uint8Array>

  /**
   * Hand bytes to the stream. Resolves when it can take more, so a slow reader slows the writer.
   * The bytes must never be changed: some may be on their way for a while after it resolved.
   *
   * @throws {StreamResetError}
   */
  write(bytes: Uint8Array): Promise<void>

  /** Say that nothing more will be written. Reading goes on. Safe to call twice. */
  end(): Promise<void>

  /** Break the stream in both directions now. Safe to call at any time, any number of times. */
  reset(): void
}

export interface Network {
  /** Our own identity. */
  readonly self: PeerId

  /** Multiaddrs where others may reach us; empty if nobody can. */
  addresses(): readonly string[]

  /**
   * Open a new stream to a peer, connecting first if need be. Streams share a connection.
   *
   * @param addresses - multiaddrs to try, best first; a trailing `/p2p/…` is allowed and checked
   * @throws {PeerUnreachableError} nobody answered there, or somebody else did
   * @throws {ProtocolNotServedError} the peer answered, and does not serve the protocol
   * @throws the signal's reason once it aborts
   */
  dial(
    peer: PeerId,
    protocol: string,
    addresses: readonly string[],
    signal: AbortSignal,
  ): Promise<ByteStream>

  /**
   * Answer streams of `protocol`. The handler owns the stream; when its promise rejects, the stream
   * is reset. At most one handler for each protocol.
   */
  serve(protocol: string, handler: (stream: ByteStream) => Promise<void>): Promise<void>

  /**
   * Who may connect to us: asked once the newcomer's identity is proven and before any of its
   * streams reaches a handler. Until a gate is set nobody may.
   */
  gate(isAdmitted: (peer: PeerId) => boolean): void

  /** Break every connection with this peer, for instance since it was removed from the roster. */
  hangUp(peer: PeerId): Promise<void>

  close(): Promise<void>
}
