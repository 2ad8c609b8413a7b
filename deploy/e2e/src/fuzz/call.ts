import { connect } from 'node:http2'
import type { ClientHttp2Session, ClientHttp2Stream } from 'node:http2'
import { fromBinary } from '@bufbuild/protobuf'
import { PushResponseSchema } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { CollectorFrame } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'

/** How a call ended. */
export interface Answer {
  /** HTTP status; undefined where there was none. */
  readonly http: number | undefined
  /** The socket was closed under the call. */
  readonly dropped: boolean
  /** gRPC status; undefined where there was none. */
  readonly grpc: number | undefined
  /** The fault in the trailers. */
  readonly fault: { readonly code: string; readonly message: string } | undefined
  /** What gRPC says in words. */
  readonly details: string
  /** Frames of a Push. */
  readonly frames: readonly CollectorFrame['kind'][]
}

/** Methods by path. */
export const PUSH = '/vouch.ingest.v1.IngestService/Push'
const HEAD_BYTES = 5
const ANSWER_MAX_MS = 20_000

/** One gRPC call without any gRPC library, so that anything can be sent. */
export class RawCall {
  readonly #stream: ClientHttp2Stream
  readonly #session: ClientHttp2Session
  readonly #frames: CollectorFrame['kind'][] = []
  #received = Buffer.alloc(0)
  #http: number | undefined
  #trailers: Record<string, unknown> = {}
  #moved = Promise.withResolvers<void>()
  readonly #closed = Promise.withResolvers<void>()

  constructor(session: ClientHttp2Session, headers: Readonly<Record<string, string>>, push: boolean) {
    this.#session = session
    this.#stream = session.request({
      ':method': 'POST',
      'content-type': 'application/grpc',
      te: 'trailers',
      ...headers,
    })
    this.#stream.on('error', () => undefined)
    this.#stream.on('response', (received) => {
      this.#http = received[':status']
      if (received['grpc-status'] !== undefined) this.#trailers = received
    })
    this.#stream.on('trailers', (trailers) => (this.#trailers = trailers))
    this.#stream.on('data', (chunk: Buffer) => {
      if (push) this.#read(chunk)
    })
    // As gRPC clients do: what comes after the status is nobody's.
    this.#stream.on('end', () => this.#stream.close())
    this.#stream.on('close', () => {
      this.#closed.resolve()
      this.#moved.resolve()
    })
  }

  /** Sends bytes as they are. */
  write(bytes: Uint8Array): void {
    if (!this.#stream.destroyed && !this.#stream.writableEnded) this.#stream.write(bytes)
  }

  /** Ends our side. */
  end(): void {
    if (!this.#stream.destroyed) this.#stream.end()
  }

  /** The frame with this number; undefined where the call ends before it. */
  async frame(index: number): Promise<CollectorFrame['kind'] | undefined> {
    while (this.#frames.length <= index && !this.#stream.closed) {
      await this.#moved.promise
      this.#moved = Promise.withResolvers()
    }
    return this.#frames[index]
  }

  /** Waits for the end. Throws where it does not come. */
  async answer(): Promise<Answer> {
    const late = setTimeout(() => this.#closed.reject(new Error('no answer')), ANSWER_MAX_MS)
    try {
      await this.#closed.promise
    } finally {
      clearTimeout(late)
    }
    const { 'grpc-status': status, 'grpc-message': message, 'vouch-fault-bin': fault } = this.#trailers
    return {
      http: this.#http,
      dropped: this.#session.destroyed || this.#session.closed,
      grpc: typeof status === 'string' || typeof status === 'number' ? Number(status) : undefined,
      fault:
        typeof fault === 'string' ? JSON.parse(Buffer.from(fault, 'base64').toString('utf8')) : undefined,
      details: typeof message === 'string' ? decodeURI(message) : '',
      frames: this.#frames,
    }
  }

  #read(chunk: Buffer): void {
    this.#received = Buffer.concat([this.#received, chunk])
    while (this.#received.length >= HEAD_BYTES) {
      const end = HEAD_BYTES + this.#received.readUInt32BE(1)
      if (this.#received.length < end) break
      const { frame } = fromBinary(PushResponseSchema, this.#received.subarray(HEAD_BYTES, end))
      this.#frames.push(frame?.kind ?? { case: undefined })
      this.#received = this.#received.subarray(end)
    }
    this.#moved.resolve()
  }
}

/** A message as gRPC frames it: a flag, its length, itself. */
export function framed(bytes: Uint8Array, flag = 0, length = bytes.length): Buffer {
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUInt8(flag, 0)
  head.writeUInt32BE(length >>> 0, 1)
  return Buffer.concat([head, bytes])
}

/** Sessions to one server, opened again where they end. */
export class Sessions {
  readonly #url: string
  #open: ClientHttp2Session | undefined

  constructor(address: string) {
    this.#url = `http://${address}`
  }

  /** One that is open. */
  session(): ClientHttp2Session {
    if (this.#open === undefined || this.#open.closed || this.#open.destroyed) {
      this.#open = connect(this.#url)
      this.#open.on('error', () => undefined)
    }
    return this.#open
  }

  close(): void {
    this.#open?.destroy()
  }
}
