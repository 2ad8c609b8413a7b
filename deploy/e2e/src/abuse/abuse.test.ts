import { setTimeout as sleep } from 'node:timers/promises'
import { connect as connectSocket } from 'node:net'
import type { Socket } from 'node:net'
import { create } from '@bufbuild/protobuf'
import { HelloSchema, StreamDefinitionsSchema } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { TestConnection } from '@vouch/collector/testing/test-agent.ts'
import { randomBytes } from 'node:crypto'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { PUSH, RawCall, Sessions, framed } from '../fuzz/call.ts'
import { AGENT_ID, SIGNER, frame } from '../fuzz/corpus.ts'
import { HonestAgent } from '../fuzz/honest.ts'
import { startSubject } from '../fuzz/subject.ts'
import type { Subject } from '../fuzz/subject.ts'

const HELLO_TIMEOUT_MS = 1_000
const UNAUTHENTICATED_MAX = 256
/** Beside an attack on a busy machine; in peace it is some fifty milliseconds. */
const RECEIPT_MAX_MS = 10_000
const MEMORY_GROWTH_MIB = 600
const MIB = 1024 * 1024

let subject: Subject
beforeAll(async () => {
  subject = await startSubject({
    VOUCH_COLLECTOR_HELLO_TIMEOUT_MS: String(HELLO_TIMEOUT_MS),
    VOUCH_COLLECTOR_UNAUTHENTICATED_MAX: String(UNAUTHENTICATED_MAX),
    VOUCH_LOG_LEVEL: 'info',
  })
}, 60_000)
afterAll(() => subject.dispose())

/** Runs an attack beside an honest agent, whose receipts have to come, and within a bound of memory. */
async function besideHonest(attack: () => Promise<void>): Promise<void> {
  const honest = await HonestAgent.start(subject.address, await subject.enrol())
  const before = subject.memoryMib()
  await attack()
  const { batches, slowestMs } = await honest.report()
  expect(subject.ended()).toBeUndefined()
  expect(batches).toBeGreaterThan(0)
  expect(slowestMs).toBeLessThan(RECEIPT_MAX_MS)
  expect(subject.memoryMib() - before).toBeLessThan(MEMORY_GROWTH_MIB)
}

function raw(): Socket {
  const [host, port] = subject.address.split(':')
  const socket = connectSocket(Number(port), host)
  socket.on('error', () => undefined)
  socket.resume()
  return socket
}

describe('a collector that is abused serves honest agents', () => {
  it(
    'two thousand sockets that say nothing: few are kept, none for long',
    () =>
      besideHonest(async () => {
        const before = subject.openDescriptors()
        const sockets = Array.from({ length: 2_000 }, raw)
        await sleep(500)
        expect(subject.openDescriptors() - before).toBeLessThan(UNAUTHENTICATED_MAX + 100)
        // Whoever comes meanwhile finds room.
        const agent = await subject.enrol()
        const connection = new TestConnection(subject.address, agent)
        await connection.hello()
        connection.close()
        await expect.poll(() => subject.openDescriptors() - before, { timeout: 10_000 }).toBeLessThan(50)
        for (const socket of sockets) socket.destroy()
      }),
    60_000,
  )

  it(
    'streams that are opened and say nothing, or one byte at a time, end with the time for a hello',
    () =>
      besideHonest(async () => {
        const sessions = Array.from({ length: 20 }, () => new Sessions(subject.address))
        const calls = sessions.flatMap((session) =>
          Array.from({ length: 10 }, () => new RawCall(session.session(), { ':path': PUSH }, true)),
        )
        const dripping = setInterval(() => {
          for (const call of calls.slice(0, 100)) call.write(Buffer.of(0))
        }, 200)
        const answers = await Promise.all(calls.map((call) => call.answer()))
        clearInterval(dripping)
        expect(new Set(answers.map(({ fault }) => fault?.code))).toEqual(new Set(['CHALLENGE_FAILED']))
        for (const session of sessions) session.close()
      }),
    60_000,
  )

  it(
    'requests that never arrive whole are given up',
    () =>
      besideHonest(async () => {
        const session = new Sessions(subject.address)
        const path = '/vouch.enrolment.v1.EnrolmentService/Enrol'
        const calls = Array.from(
          { length: 10 },
          () => new RawCall(session.session(), { ':path': path }, false),
        )
        for (const [index, call] of calls.entries())
          call.write(framed(Buffer.alloc(10), 0, index % 2 === 0 ? 1_000 : 10).subarray(0, 12))
        const answers = await Promise.all(calls.map((call) => call.answer()))
        expect(answers.map(({ grpc }) => grpc)).toEqual(Array(10).fill(4))
        session.close()
      }),
    60_000,
  )

  it(
    'compressed messages are refused before they are expanded',
    () =>
      besideHonest(async () => {
        // 4 MiB, the largest message, in four KiB: a hundred of them would be 400 MiB if they were expanded.
        const bomb = framed(gzipSync(Buffer.alloc(4 * MIB)), 1)
        const peakMib = subject.peakMemoryMib()
        const session = new Sessions(subject.address)
        for (let round = 0; round < 10; round++) {
          const headers = { ':path': PUSH, 'grpc-encoding': 'gzip' }
          const call = new RawCall(session.session(), headers, true)
          await call.frame(0)
          call.write(Buffer.concat(Array(3).fill(bomb)))
          const { grpc, details } = await call.answer()
          expect([grpc, details]).toEqual([12, expect.stringContaining('compressed')])
        }
        expect(subject.peakMemoryMib() - peakMib).toBeLessThan(200)
        session.close()
      }),
    60_000,
  )

  it(
    'who sends much without saying who it is loses the socket',
    () =>
      besideHonest(async () => {
        const session = new Sessions(subject.address)
        const call = new RawCall(session.session(), { ':path': PUSH }, true)
        await call.frame(0)
        call.write(framed(Buffer.alloc(MIB), 0, 4 * MIB))
        expect((await call.answer()).dropped).toBe(true)
      }),
    60_000,
  )

  it(
    'a flood of hellos by agents that do not exist: each gets its answer',
    () =>
      besideHonest(async () => {
        const work = async (): Promise<void> => {
          const session = new Sessions(subject.address)
          for (let attempt = 0; attempt < 8; attempt++) {
            const call = new RawCall(session.session(), { ':path': PUSH }, true)
            await call.frame(0)
            const hello = { agentId: randomBytes(16), runId: AGENT_ID, keyId: SIGNER.keyId }
            call.write(framed(frame({ case: 'hello', value: create(HelloSchema, hello) })))
            expect((await call.answer()).fault?.code).toBe('AGENT_UNKNOWN')
          }
          session.close()
        }
        await Promise.all(Array.from({ length: 20 }, work))
      }),
    60_000,
  )

  it(
    'definitions beyond every bound end the connection that brings them',
    () =>
      besideHonest(async () => {
        const flood = async (): Promise<void> => {
          const agent = await subject.enrol()
          const connection = new TestConnection(subject.address, agent)
          await connection.hello()
          const streams = Array.from({ length: 1_000 }, (_, index) =>
            agent.define(`host:test/part:${index}`, 'host.uptime', 's'),
          )
          for (let again = 0; again < 5; again++)
            connection.send({ case: 'definitions', value: create(StreamDefinitionsSchema, { streams }) })
          connection.declare({ ...agent.stream, resource: 'x'.repeat(MIB) })
          await expect(connection.receipt(1n)).rejects.toThrow('FIELD_INVALID')
        }
        await Promise.all(Array.from({ length: 2 }, flood))
      }),
    60_000,
  )
})
