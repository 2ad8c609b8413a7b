import type { ServerHttp2Session } from 'node:http2'
import type { Socket } from 'node:net'
import { beforeEach, expect, it } from 'vitest'
import { Connections } from './connections.ts'

const LIMITS = {
  ageMaxMs: 1_000_000,
  ageGraceMs: 60_000,
  idleMaxMs: 100_000,
  keepaliveMs: 30_000,
  keepaliveTimeoutMs: 20_000,
}
const PEER = '127.0.0.1:1'

let connections: Connections
let socket: { bytesRead: number; destroyed: boolean; destroy(): void }
let session: { closed: boolean; destroyed: boolean; pings: number; close(): void; ping(): void }
beforeEach(() => {
  socket = { bytesRead: 0, destroyed: false, destroy: () => void (socket.destroyed = true) }
  session = {
    closed: false,
    destroyed: false,
    pings: 0,
    close: () => void (session.closed = true),
    ping: () => void session.pings++,
  }
  connections = new Connections(LIMITS)
  connections.open(PEER, socket as unknown as Socket, 0)
  connections.session(PEER, session as unknown as ServerHttp2Session)
})

/** Looks every five seconds, while `received` octets come between two looks. */
function pass(fromMs: number, toMs: number, received: number): void {
  for (let nowMs = fromMs; nowMs <= toMs; nowMs += 5_000) {
    socket.bytesRead += received
    connections.sweep(nowMs)
  }
}

it('asks a peer that is silent, and drops one that does not answer', () => {
  pass(0, 25_000, 0)
  expect(session.pings).toBe(0)
  pass(30_000, 45_000, 0)
  expect([session.pings, socket.destroyed]).toEqual([1, false])
  socket.bytesRead++
  pass(50_000, 75_000, 0)
  expect([session.pings, socket.destroyed]).toEqual([1, false])
  pass(80_000, 100_000, 0)
  expect([session.pings, socket.destroyed]).toEqual([2, true])
})

it('ends a connection without calls after its time, and no other', () => {
  const end = connections.call(PEER, () => 300_000)
  pass(0, 300_000, 1)
  expect(session.closed).toBe(false)
  end()
  pass(300_000, 395_000, 1)
  expect(session.closed).toBe(false)
  pass(400_000, 400_000, 1)
  expect([session.closed, socket.destroyed]).toEqual([true, false])
})

it('ends an old connection in order, and by force after the time for that', () => {
  connections.call(PEER, () => 0)
  pass(0, 895_000, 1)
  expect(session.closed).toBe(false)
  pass(900_000, 1_165_000, 1)
  expect([session.closed, socket.destroyed]).toEqual([true, true])
})
