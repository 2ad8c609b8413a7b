import { connect } from 'node:net'
import { mutate, noise, oneOf, pick } from './mutate.ts'

type Random = () => number

/** How a socket ended: closed by the peer, or, once all is said, by us. */
type SocketEnd = 'closed' | 'stays open'

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
const HEAD_BYTES = 9
const FRAME_TYPES = 12
const FRAME_MAX_BYTES = 2_000
const FRAMES_MAX = 20
/** Literal header field without indexing, a new name. Source: RFC 7541, 6.2.2. */
const LITERAL = 0x00
const FIELD_BYTES_MAX = 126

/** One HTTP/2 frame; a length that is not its own where one is given. Source: RFC 9113, 4.1. */
function h2Frame(
  type: number,
  flags: number,
  stream: number,
  payload: Uint8Array,
  length = payload.length,
): Buffer {
  const head = Buffer.alloc(HEAD_BYTES)
  head.writeUIntBE(length & 0xffffff, 0, 3)
  head.writeUInt8(type & 0xff, 3)
  head.writeUInt8(flags & 0xff, 4)
  head.writeUInt32BE(stream >>> 0, 5)
  return Buffer.concat([head, payload])
}

/** What a peer may write to a port that speaks HTTP/2: sound, nearly sound, or nothing of the kind. */
export function socketBytes(random: Random): Buffer {
  const settings = h2Frame(4, 0, 0, new Uint8Array())
  const frames = Array.from({ length: 1 + pick(random, FRAMES_MAX) }, () => anyFrame(random))
  const sound = Buffer.concat([PREFACE, settings, ...frames])
  return oneOf<() => Buffer>(random, [
    () => sound,
    () => sound,
    () => Buffer.concat([PREFACE, settings, ...callWithTrailers(random)]),
    () => Buffer.from(mutate(sound, random)),
    () => Buffer.from(mutate(PREFACE, random)),
    () => Buffer.concat([PREFACE, noise(random, pick(random, 400))]),
    () => Buffer.from(noise(random, pick(random, 400))),
    () => Buffer.from('GET / HTTP/1.1\r\nhost: collector\r\n\r\n'),
    () => clientHello(random),
  ])()
}

/** The beginning of a TLS handshake, rarely whole. Source: RFC 8446, 5.1 and 4. */
function clientHello(random: Random): Buffer {
  const body = noise(random, pick(random, 300))
  const handshake = Buffer.concat([Buffer.of(1, 0, body.length >> 8, body.length & 0xff), body])
  const record = Buffer.concat([
    Buffer.of(0x16, 3, 1, handshake.length >> 8, handshake.length & 0xff),
    handshake,
  ])
  return record.subarray(0, 1 + pick(random, record.length))
}

/** A call that ends as only answers may: with fields after its messages. */
function callWithTrailers(random: Random): Buffer[] {
  const messages = Array.from({ length: pick(random, 4) }, () =>
    h2Frame(0, 0, 1, noise(random, pick(random, 60))),
  )
  return [h2Frame(1, 4, 1, headerBlock(random)), ...messages, h2Frame(1, 5, 1, headerBlock(random))]
}

function anyFrame(random: Random): Buffer {
  const stream = oneOf(random, [0, 1, 1, 3, 5, 2, 7, 2 ** 31 - 1, 2 ** 31 + 1])
  if (random() < 0.4) return h2Frame(1, oneOf(random, [4, 5, 5, 0, 0x2c]), stream | 1, headerBlock(random))
  const payload = noise(random, pick(random, random() < 0.1 ? FRAME_MAX_BYTES : 40))
  const type = pick(random, FRAME_TYPES)
  const length = random() < 0.1 ? pick(random, 2 ** 24) : payload.length
  return h2Frame(type, pick(random, 256), stream, payload, length)
}

function headerBlock(random: Random): Buffer {
  const path = oneOf(random, ['/vouch.ingest.v1.IngestService/Push', '/', '', '/grpc.health.v1.Health/Check'])
  const fields: (readonly [string, Uint8Array])[] = [
    [':method', Buffer.from('POST')],
    [':scheme', Buffer.from('http')],
    [':path', random() < 0.3 ? noise(random, pick(random, FIELD_BYTES_MAX)) : Buffer.from(path)],
    ['content-type', Buffer.from('application/grpc')],
    [oneOf(random, ['te', 'grpc-timeout', 'x-bin', 'Upper', ':path', '']), noise(random, pick(random, 60))],
  ]
  const block = Buffer.concat(
    fields.map(([name, value]) =>
      Buffer.concat([Buffer.of(LITERAL, name.length), Buffer.from(name), Buffer.of(value.length), value]),
    ),
  )
  return random() < 0.3 ? Buffer.from(mutate(block, random)) : block
}

/** Writes bytes to a socket and waits for its end. */
export async function throwAt(address: string, bytes: Buffer, waitMs: number): Promise<SocketEnd> {
  const [host, port] = address.split(':')
  const socket = connect(Number(port), host)
  const { promise, resolve } = Promise.withResolvers<SocketEnd>()
  socket.on('error', () => undefined)
  socket.once('close', () => resolve('closed'))
  socket.resume()
  socket.write(bytes)
  const late = setTimeout(() => resolve('stays open'), waitMs)
  const end = await promise
  clearTimeout(late)
  socket.destroy()
  return end
}
