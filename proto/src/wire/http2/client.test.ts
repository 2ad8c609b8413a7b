import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { createServer as createHttp2Server } from 'node:http2'
import { FaultError, fail, unwrap } from '../../kernel/fault.ts'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Call } from './call.ts'
import { dialGrpc } from './client.ts'
import type { GrpcConnection } from './client.ts'
import type { OutgoingCall } from './outgoing-call.ts'
import type { Handler } from './route.ts'
import { serveGrpc } from './server.ts'
import type { GrpcServer } from './server.ts'
import { OK, STATUS, statusOf } from './status.ts'
import { Strangers } from './strangers.ts'

const MIB = 1024 * 1024
const TIMEOUT_MS = 2_000

let server: GrpcServer
let connection: GrpcConnection
let held: Call[]
beforeEach(async () => {
  held = []
  const routes = new Map<string, Handler>([
    ['/t/Echo', (call) => void echo(call)],
    ['/t/Hold', (call) => void held.push(call)],
  ])
  const strangers = new Strangers({ socketsMax: 100, bytesMax: 64 * MIB, silentMs: 60_000 })
  const limits = { batchBytesMax: MIB, connectionAgeMaxMs: 3_600_000 }
  const bound = { listenOn: '127.0.0.1:0', setting: 'VOUCH_LISTEN', certificate: undefined }
  server = unwrap(await serveGrpc({ ...bound, routes, limits, strangers }))
  connection = unwrap(await dialGrpc({ address: server.address, tls: undefined, timeoutMs: TIMEOUT_MS }))
})
afterEach(() => {
  connection.close()
  server.destroy()
})

async function echo(call: Call): Promise<void> {
  try {
    for (let next = await call.next(); next !== undefined; next = await call.next()) call.write(next)
    call.end()
  } catch {
    // The call is over.
  }
}

async function holding(): Promise<[OutgoingCall, Call]> {
  const call = connection.call('/t/Hold', MIB)
  await expect.poll(() => held.length).toBe(1)
  return [call, held[0]!]
}

/** How a call ends: in order, with a fault's code, or because it was over already. */
const ending = async (call: OutgoingCall): Promise<string> =>
  call.next().then(
    (message) => (message === undefined ? 'in order' : 'a message'),
    (error: unknown) => (error instanceof FaultError ? error.fault.code : 'over'),
  )

describe('a call of ours', () => {
  it('gives back messages in their order, however large', async () => {
    const call = connection.call('/t/Echo', MIB)
    const messages = [1, 70_000, 0, MIB].map((length, index) => new Uint8Array(length).fill(index))
    for (const message of messages) call.write(message)
    for (const message of messages) expect(Buffer.from((await call.next())!).equals(message)).toBe(true)
    call.end()
    await call.closed()
    expect(call.fault).toBeUndefined()
  })

  it.each([
    ['in order', OK],
    ['AGENT_REVOKED', statusOf(fail('AGENT_REVOKED', '100 % gone').fault)],
    ['UNAVAILABLE', { code: STATUS.unavailable, details: 'later' }],
    ['INTERNAL', { code: STATUS.internal, details: 'broken' }],
  ])('ends as the server says: %s', async (how, status) => {
    for (const after of [0, 1]) {
      held = []
      const [call, theirs] = await holding()
      if (after === 1) {
        theirs.write(Uint8Array.of(1))
        expect(await call.next()).toEqual(Uint8Array.of(1))
      }
      theirs.end(status)
      expect(await ending(call)).toBe(how)
      call.end()
      await call.closed()
    }
  })

  it('is UNAVAILABLE when the connection breaks', async () => {
    const [call] = await holding()
    const waiting = ending(call)
    server.destroy()
    expect(await waiting).toBe('UNAVAILABLE')
  })

  it('refuses a message beyond its bound by the prefix', async () => {
    const call = connection.call('/t/Echo', 10)
    call.write(new Uint8Array(11))
    expect(await ending(call)).toBe('INTERNAL')
    expect(call.fault?.message).toContain('larger than 10')
  })

  it('that is ended here is over at once, and delivers what was sent before', async () => {
    const [call, theirs] = await holding()
    call.write(Uint8Array.of(7))
    const waiting = ending(call)
    call.end()
    expect(await waiting).toBe('over')
    expect(await theirs.next()).toEqual(Uint8Array.of(7))
    expect(await theirs.next()).toBeUndefined()
  })

  it('of an unknown method is told so', async () => {
    expect(await ending(connection.call('/t/Nothing', MIB))).toBe('INTERNAL')
  })
})

describe('dialling', () => {
  const dial = async (address: string) => dialGrpc({ address, tls: undefined, timeoutMs: 200 })

  it('is UNAVAILABLE where nobody listens, says nothing, or speaks something else', async () => {
    expect(await dial('127.0.0.1:1')).toMatchObject({ fault: { code: 'UNAVAILABLE' } })
    for (const greeting of ['', 'SSH-2.0-OpenSSH\r\n'.repeat(4)]) {
      const silent = createServer((socket) => socket.on('error', () => undefined).write(greeting))
      await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve))
      const { port } = silent.address() as AddressInfo
      expect(await dial(`127.0.0.1:${port}`)).toMatchObject({ fault: { code: 'UNAVAILABLE' } })
      silent.close()
    }
  })

  it('reaches a server that is none of gRPC, whose answer is INTERNAL', async () => {
    const web = createHttp2Server((_, response) => response.writeHead(404).end('no such page'))
    await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', resolve))
    const { port } = web.address() as AddressInfo
    const other = unwrap(await dial(`127.0.0.1:${port}`))
    const call = other.call('/t/Echo', MIB)
    expect(await ending(call)).toBe('INTERNAL')
    other.close()
    web.close()
  })
})
