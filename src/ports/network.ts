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

/** An open connection, as far as people care. */
export interface Link {
  readonly peer: PeerId
  /** Within a home or a machine, over the internet, or through a friend. */
  readonly way: 'local' | 'ip4' | 'ip6' | 'relay'
  /** The friend, if it is through one. */
  readonly relay?: PeerId
  /** Whether the other side made it. */
  readonly isInbound: boolean
  /** Multiaddr of the other end, as it looks from here. */
  readonly address: string
}

export interface Network {
  /** Our own identity. */
  readonly self: PeerId

  /**
   * Multiaddrs where others may reach us, those through friends last; empty if nobody can. They change
   * as the machine moves, its router answers, or friends come and go.
   */
  addresses(): readonly string[]

  /**
   * Wait for our addresses to change.
   *
   * @param known - as `addresses` told them
   * @returns once it would tell others
   * @throws the signal's reason once it aborts
   */
  changed(known: readonly string[], signal: AbortSignal): Promise<void>

  /** Connections that are open now. */
  links(): readonly Link[]

  /**
   * See whether a peer is reached at one of these addresses. Connections that are open do not count, and
   * neither do relays; nothing stays open.
   *
   * @returns the address that led to the peer; `undefined` if none did
   * @throws the signal's reason once it aborts
   */
  probe(
    peer: PeerId,
    addresses: readonly string[],
    signal: AbortSignal,
  ): Promise<string | undefined>

  /**
   * Let a friend lead others to us, from now on until our connection to it ends; `addresses` tells of it.
   *
   * @param addresses - of the friend
   * @throws {PeerUnreachableError} it is not reached directly, or does not want to
   * @throws the signal's reason once it aborts
   */
  reserve(relay: PeerId, addresses: readonly string[], signal: AbortSignal): Promise<void>

  /** Tell others no more that this friend leads to us. */
  unreserve(relay: PeerId): void

  /**
   * Find members of our grid in the local network, and be found by them where we listen. They are tried
   * there first; what others would misunderstand is told to nobody.
   *
   * @param grid - names the grid; nobody learns it from us
   * @param isMember - whom to believe where it is
   */
  discover(grid: string, isMember: (peer: PeerId) => boolean): void

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
