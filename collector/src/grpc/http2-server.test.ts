import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:http2'
import type { ClientHttp2Session } from 'node:http2'
import { Client, Metadata, compressionAlgorithms, credentials, status } from '@grpc/grpc-js'
import type { ClientDuplexStream, ServiceError } from '@grpc/grpc-js'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { afterEach, describe, expect, it } from 'vitest'
import type { Call } from '@vouch/proto/wire/http2/call.ts'
import { framed } from '@vouch/proto/wire/http2/framing.ts'
import { createHealth } from './health.ts'
import type { Health } from './health.ts'
import { serveGrpc } from '@vouch/proto/wire/http2/server.ts'
import type { GrpcServer } from '@vouch/proto/wire/http2/server.ts'
import type { Handler } from '@vouch/proto/wire/http2/route.ts'
import { STATUS } from '@vouch/proto/wire/http2/status.ts'
import { Strangers } from '@vouch/proto/wire/http2/strangers.ts'

const MIB = 1024 * 1024
const BYTES_MAX = MIB + 64 * 1024
const identity = (bytes: Buffer): Buffer => bytes

interface Subject {
  readonly server: GrpcServer
  readonly client: Client
  readonly health: Health
  readonly calls: Call[]
  ready: boolean
}

let subject: Subject
afterEach(() => {
  subject.client.close()
  subject.health.stop()
  subject.server.destroy()
})

/** A server whose `/t/Echo` gives back what it gets, and whose `/t/Hold` leaves its calls to the test. */
async function start(): Promise<Subject> {
  const calls: Call[] = []
  const strangers = new Strangers({ socketsMax: 100, bytesMax: 64 * MIB, silentMs: 60_000 })
  const health = createHealth({ ready: async () => subject.ready, requestMs: 1_000, watchMs: 20 })
  const routes = new Map<string, Handler>([
    ['/t/Echo', (call) => void echo(call)],
    ['/t/Hold', (call) => void calls.push(call)],
    ...health.routes,
  ])
  const limits = { batchBytesMax: MIB, connectionAgeMaxMs: 3_600_000 }
  const bound = { listenOn: '127.0.0.1:0', setting: 'VOUCH_COLLECTOR_LISTEN', certificate: undefined }
  const server = unwrap(await serveGrpc({ ...bound, routes, limits, strangers }))
  const options = { 'grpc.enable_retries': 0, 'grpc.use_local_subchannel_pool': 1 }
  const client = new Client(server.address, credentials.createInsecure(), options)
  return { server, client, health, calls, ready: true }
}

async function echo(call: Call): Promise<void> {
  try {
    for (let next = await call.next(); next !== undefined; next = await call.next()) call.write(next)
    call.end()
  } catch {
    // The call is over.
  }
}

function open(path: string, options = {}): ClientDuplexStream<Buffer, Buffer> {
  return subject.client.makeBidiStreamRequest(path, identity, identity, options)
}

/** What a call received, and its status. */
async function outcome(
  call: ClientDuplexStream<Buffer, Buffer>,
): Promise<{ got: Buffer[]; code: number; details: string }> {
  const got: Buffer[] = []
  call.on('data', (bytes: Buffer) => got.push(bytes))
  call.on('error', () => undefined)
  return new Promise((resolve) => call.on('status', ({ code, details }) => resolve({ got, code, details })))
}

describe('a client of grpc-js', () => {
  it('gets what it sent, large and small, and the status after it', async () => {
    subject = await start()
    const call = open('/t/Echo')
    const messages = [0, 1, 16_384, MIB, 5].map((length) => Buffer.alloc(length, length % 251))
    for (const message of messages) call.write(message)
    call.end()
    const { got, code } = await outcome(call)
    expect(code).toBe(status.OK)
    expect(got.map((bytes) => bytes.equals(messages[got.indexOf(bytes)]!))).toEqual(Array(5).fill(true))
  })

  it('of an unknown method, or which compresses, gets UNIMPLEMENTED', async () => {
    subject = await start()
    expect(await outcome(open('/t/None'))).toMatchObject({
      code: status.UNIMPLEMENTED,
      details: expect.stringContaining('/t/None'),
    })
    const options = { 'grpc.default_compression_algorithm': compressionAlgorithms.gzip }
    const compressing = new Client(subject.server.address, credentials.createInsecure(), options)
    const call = compressing.makeBidiStreamRequest('/t/Echo', identity, identity)
    call.end(Buffer.alloc(1_000))
    expect(await outcome(call)).toMatchObject({ code: status.UNIMPLEMENTED })
    compressing.close()
  })

  it('with a message that is too large gets RESOURCE_EXHAUSTED, and other calls go on', async () => {
    subject = await start()
    const [large, small] = [open('/t/Echo'), open('/t/Echo')]
    large.write(Buffer.alloc(BYTES_MAX + 1))
    expect(await outcome(large)).toMatchObject({ code: status.RESOURCE_EXHAUSTED, got: [] })
    small.end(Buffer.from('here'))
    expect(await outcome(small)).toMatchObject({ code: status.OK, got: [Buffer.from('here')] })
  })

  it('whose deadline passes gets DEADLINE_EXCEEDED, and the call ends here too', async () => {
    subject = await start()
    const metadata = new Metadata()
    // Not the client's own deadline, which it would notice by itself.
    metadata.set('grpc-timeout', '50m')
    const call = subject.client.makeBidiStreamRequest('/t/Hold', identity, identity, metadata)
    expect(await outcome(call)).toMatchObject({ code: status.DEADLINE_EXCEEDED })
    expect(subject.calls.map(({ over }) => over)).toEqual([true])
  })

  it('that cancels is noticed by whoever waits for its next message', async () => {
    subject = await start()
    const call = open('/t/Hold')
    call.on('error', () => undefined)
    call.write(Buffer.of(1))
    await expect.poll(() => subject.calls.length).toBe(1)
    const [held] = subject.calls
    let gone = 0
    held!.watch({ relieved: () => undefined, gone: () => gone++ })
    expect(await held!.next()).toEqual(Uint8Array.of(1))
    const next = held!.next()
    call.cancel()
    // It ends its side first, and then the whole.
    expect(await next.catch(() => undefined)).toBeUndefined()
    await expect.poll(() => [gone, held!.over]).toEqual([1, true])
    await expect(held!.next()).rejects.toThrow('over')
  })

  it('gets its status also where the answer comes in the tick in which it ends its side', async () => {
    subject = await start()
    const outcomes = await Promise.all(
      Array.from({ length: 200 }, async (_, index) => {
        const call = open('/t/Echo')
        if (index % 2 === 0) call.write(Buffer.of(index))
        call.end()
        return outcome(call)
      }),
    )
    expect(outcomes.map(({ code, got }) => [code, got.length])).toEqual(
      Array.from({ length: 200 }, (_, index) => [status.OK, index % 2 === 0 ? 1 : 0]),
    )
  })

  it('that watches health is told of each change, and of the end', async () => {
    subject = await start()
    const call = subject.client.makeServerStreamRequest(
      '/grpc.health.v1.Health/Watch',
      identity,
      identity,
      Buffer.alloc(0),
    )
    const told: number[] = []
    call.on('data', (bytes: Buffer) => told.push(bytes[1]!))
    const ended = new Promise<ServiceError>((resolve) => call.on('error', resolve))
    await expect.poll(() => told).toEqual([1])
    subject.ready = false
    await expect.poll(() => told).toEqual([1, 2])
    subject.ready = true
    await expect.poll(() => told).toEqual([1, 2, 1])
    subject.health.stop()
    expect((await ended).code).toBe(status.UNAVAILABLE)
    expect(told).toEqual([1, 2, 1, 2])
  })
})

describe('a stop', () => {
  it('lets calls under way end with their status, and takes no new ones', async () => {
    subject = await start()
    const outcomes = Array.from({ length: 10 }, async () => {
      const call = open('/t/Hold')
      call.write(Buffer.of(1))
      return outcome(call)
    })
    await expect.poll(() => subject.calls.length).toBe(10)
    const closed = subject.server.close()
    const refused = open('/t/Hold', { deadline: Date.now() + 2_000 })
    const late = outcome(refused)
    await sleep(50)
    for (const call of subject.calls) {
      call.write(Buffer.alloc(10_000, 1))
      call.end({ code: STATUS.unavailable, details: 'stops' })
    }
    for (const { code, details, got } of await Promise.all(outcomes))
      expect([code, details, got.map(({ length }) => length)]).toEqual([
        status.UNAVAILABLE,
        'stops',
        [10_000],
      ])
    await closed
    expect((await late).code).not.toBe(status.OK)
    expect(subject.calls).toHaveLength(10)
  })
})

describe('a peer without manners', () => {
  let session: ClientHttp2Session | undefined
  afterEach(() => session?.destroy())

  it('that is not read from is stopped by its window', async () => {
    subject = await start()
    session = connect(`http://${subject.server.address}`)
    const stream = session.request({
      ':method': 'POST',
      ':path': '/t/Hold',
      'content-type': 'application/grpc',
    })
    stream.on('error', () => undefined)
    const message = framed(Buffer.alloc(10_000))
    let taken = 0
    for (let index = 0; index < 200; index++) stream.write(message, () => taken++)
    await expect.poll(() => subject.calls.length).toBe(1)
    await sleep(200)
    const before = taken
    expect(before).toBeLessThan(20)
    for (let index = 0; index < 200; index++) await subject.calls[0]!.next()
    await expect.poll(() => taken).toBe(200)
  })

  it('that grants no window makes the call congested, until it does', async () => {
    subject = await start()
    session = connect(`http://${subject.server.address}`, { settings: { initialWindowSize: 0 } })
    const stream = session.request({
      ':method': 'POST',
      ':path': '/t/Hold',
      'content-type': 'application/grpc',
    })
    await expect.poll(() => subject.calls.length).toBe(1)
    const [call] = subject.calls
    const relieved = Promise.withResolvers<void>()
    call!.watch({ relieved: relieved.resolve, gone: () => undefined })
    for (let index = 0; index < 200 && !call!.congested; index++) call!.write(Buffer.alloc(1_000))
    expect(call!.congested).toBe(true)
    stream.resume()
    session.settings({ initialWindowSize: MIB })
    await relieved.promise
    expect(call!.congested).toBe(false)
  })

  it.each([
    ['another method', { ':method': 'PUT' }, 405],
    ['another content', { 'content-type': 'application/json' }, 415],
  ])('that speaks no gRPC but %s is told so by HTTP', async (_, headers, expected) => {
    subject = await start()
    session = connect(`http://${subject.server.address}`)
    const sound = { ':method': 'POST', ':path': '/t/Echo', 'content-type': 'application/grpc' }
    const stream = session.request({ ...sound, ...headers })
    const answered = new Promise((resolve) =>
      stream.on('response', (received) => resolve(received[':status'])),
    )
    stream.resume().end()
    expect(await answered).toBe(expected)
  })
})
