/** What a socket must offer to be watched. */
export interface Watched {
  /** Octets received so far. */
  readonly bytesRead: number
  destroy(): void
}

/** Bounds of sockets whose peer has not shown who it is. */
export interface StrangerLimits {
  /** Sockets; beyond it the oldest makes room. */
  readonly socketsMax: number
  /** Octets that one may send. */
  readonly bytesMax: number
  /** Time to open a call, milliseconds. */
  readonly silentMs: number
}

interface Stranger {
  readonly sinceMs: number
  readonly sinceBytes: number
  called: boolean
}

interface Peer {
  readonly socket: Watched
  /** Authenticated conversations on it. */
  conversations: number
}

/**
 * The sockets of a server by the address of their peer, and which of them no agent vouches for. An agent's own
 * bounds are of its session; these are for whoever has none: what holds no agent may neither crowd out those
 * that come, nor make the process grow.
 */
export class Strangers {
  readonly #limits: StrangerLimits
  readonly #peers = new Map<string, Peer>()
  /** In the order of arrival. */
  readonly #strangers = new Map<string, Stranger>()

  constructor(limits: StrangerLimits) {
    this.#limits = limits
  }

  /** Sockets that no agent vouches for. */
  get size(): number {
    return this.#strangers.size
  }

  /** True for a peer of this server. */
  has(peer: string): boolean {
    return this.#peers.has(peer)
  }

  /** Takes a new socket in; beyond the bound the oldest stranger's is destroyed. */
  arrive(peer: string, socket: Watched, nowMs: number): void {
    this.#peers.set(peer, { socket, conversations: 0 })
    this.#strangers.set(peer, { sinceMs: nowMs, sinceBytes: 0, called: false })
    const [oldest] = this.#strangers.keys()
    if (this.#strangers.size > this.#limits.socketsMax && oldest !== undefined) this.#drop(oldest)
  }

  /** The socket is closed. */
  leave(peer: string): void {
    this.#peers.delete(peer)
    this.#strangers.delete(peer)
  }

  /** The peer has opened a call. */
  call(peer: string): void {
    const stranger = this.#strangers.get(peer)
    if (stranger !== undefined) stranger.called = true
  }

  /** An agent has shown who it is, over this socket. */
  authenticate(peer: string): void {
    const known = this.#peers.get(peer)
    if (known === undefined) return
    known.conversations++
    this.#strangers.delete(peer)
  }

  /** A conversation of {@link authenticate} has ended; after the last one the socket is a stranger's again. */
  part(peer: string, nowMs: number): void {
    const known = this.#peers.get(peer)
    if (known === undefined || --known.conversations > 0) return
    const { bytesRead } = known.socket
    this.#strangers.set(peer, { sinceMs: nowMs, sinceBytes: bytesRead, called: false })
  }

  /** Destroys the sockets of strangers that were silent for too long or have sent too much. */
  sweep(nowMs: number): void {
    const { bytesMax, silentMs } = this.#limits
    for (const [peer, { sinceMs, sinceBytes, called }] of this.#strangers) {
      const silent = !called && nowMs - sinceMs >= silentMs
      const sent = (this.#peers.get(peer)?.socket.bytesRead ?? 0) - sinceBytes
      if (silent || sent > bytesMax) this.#drop(peer)
    }
  }

  #drop(peer: string): void {
    const known = this.#peers.get(peer)
    this.leave(peer)
    known?.socket.destroy()
  }
}
