import { createSocket } from 'node:dgram'
import type { Socket, SocketOptions } from 'node:dgram'
import { SocketAddress } from 'node:net'
import type { Address } from '@vouch/proto/kernel/address.ts'
import { peekId } from './message.ts'

/** A reply that is awaited. */
export interface Awaited {
  send(bytes: Uint8Array): void
  end(): void
}

/** What comes of an awaited reply. Neither ends the waiting. */
export interface Receiver {
  onReply(bytes: Uint8Array): void
  onError(error: Error): void
}

interface Waiting {
  readonly id: number
  readonly receiver: Receiver
}

/** Datagrams that nobody had asked for, since the start. */
export interface Strays {
  readonly datagrams: number
}

const SOCKETS = 2
const RECEIVE_BUFFER_OCTETS = 4 * 2 ** 20

/**
 * A few UDP sockets shared by all devices. A datagram is given to whoever awaits its id from exactly the address and
 * port that it came from; any other is dropped.
 */
export class UdpSockets {
  readonly #sockets = new Map<string, Promise<Socket>>()
  /**
   * Who awaits replies from each address that was ever asked. A map whose entries came and went with every question would
   * tie polls together: the tables that V8 leaves behind point at the next and at what was awaited then.
   */
  readonly #awaited = new Map<string, Waiting[]>()
  #strays = 0
  #turn = 0
  #isClosed = false

  /** What was dropped. */
  get strays(): Strays {
    return { datagrams: this.#strays }
  }

  /** Waits for a reply from the address, which must be numeric, under the id; one that is awaited already is refused. */
  await(to: Address, id: number, receiver: Receiver): Awaited | undefined {
    const family = isVersion6(to.host) ? 'udp6' : 'udp4'
    const waiting = this.#waitingFor(canonical(to.host), to.port)
    if (waiting.some((each) => each.id === id)) return undefined
    waiting.push({ id, receiver })
    const name = `${family} ${(this.#turn += 1) % SOCKETS}`
    return {
      send: (bytes) => {
        this.#socket(name, family)
          .then((socket) => {
            socket.send(bytes, to.port, to.host, (error) => {
              if (error !== null) receiver.onError(error)
            })
          })
          .catch((error: unknown) =>
            receiver.onError(error instanceof Error ? error : new Error(String(error))),
          )
      },
      end: () => {
        const place = waiting.findIndex((each) => each.id === id)
        if (place >= 0) waiting.splice(place, 1)
      },
    }
  }

  /** Closes every socket; what is awaited is not told. */
  async close(): Promise<void> {
    this.#isClosed = true
    const sockets = await Promise.allSettled(this.#sockets.values())
    this.#sockets.clear()
    for (const socket of sockets) if (socket.status === 'fulfilled') socket.value.close()
  }

  #socket(name: string, family: 'udp4' | 'udp6'): Promise<Socket> {
    if (this.#isClosed) return Promise.reject(new Error('the sockets are closed'))
    const known = this.#sockets.get(name)
    if (known !== undefined) return known
    const opening = this.#open(name, family)
    this.#sockets.set(name, opening)
    opening.catch(() => this.#sockets.delete(name))
    return opening
  }

  #open(name: string, family: 'udp4' | 'udp6'): Promise<Socket> {
    const { promise, resolve, reject } = Promise.withResolvers<Socket>()
    // Addresses are numeric: nothing is looked up.
    const lookup: SocketOptions['lookup'] = (host, _, done) => done(null, host, isVersion6(host) ? 6 : 4)
    const socket = createSocket({ type: family, recvBufferSize: RECEIVE_BUFFER_OCTETS, lookup })
    socket.on('message', (bytes, { address, port }) => this.#receive(bytes, address, port))
    socket.on('error', (error) => {
      reject(error)
      // A socket that failed is replaced at the next send.
      this.#sockets.delete(name)
      socket.close()
    })
    socket.bind(0, () => resolve(socket))
    return promise
  }

  #receive(bytes: Buffer, address: string, port: number): void {
    const id = peekId(bytes)
    const waiting = this.#awaited.get(`${address} ${port}`)?.find((each) => each.id === id)
    if (waiting === undefined) this.#strays += 1
    else waiting.receiver.onReply(bytes)
  }

  #waitingFor(address: string, port: number): Waiting[] {
    const key = `${address} ${port}`
    const known = this.#awaited.get(key)
    if (known !== undefined) return known
    const waiting: Waiting[] = []
    this.#awaited.set(key, waiting)
    return waiting
  }
}

/** Of two numeric addresses only that of version 6 has colons. */
function isVersion6(host: string): boolean {
  return host.includes(':')
}

/** The one form of an address that received datagrams have. */
function canonical(host: string): string {
  return isVersion6(host) ? new SocketAddress({ address: host, family: 'ipv6' }).address : host
}
