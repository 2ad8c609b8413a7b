import { create } from '@bufbuild/protobuf'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  ChallengeSchema,
  CollectorFrameSchema,
  WelcomeSchema,
} from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { AgentFrame, CollectorFrame } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { generateKeys, signerOf } from '@vouch/proto/seal/seal.ts'
import { MeteringRun } from '../metering-run.ts'
import type { Look } from '../ports.ts'
import { openSpool } from '../spool/spool.ts'
import type { Spool } from '../spool/spool.ts'
import { World } from '../testing/world.ts'
import { Connection } from './connection.ts'
import type { FramesListener } from './frames.ts'

const AGENT = new Uint8Array(16).fill(1)
const STREAMS = 2600
const DEFINITIONS_PER_FRAME = 500
const ANSWER_TIMEOUT_MS = 30_000
const signer = signerOf(generateKeys().privateKey)
const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }

let spool: Spool
let run: MeteringRun
let world: World
beforeEach(() => {
  world = new World()
  spool = unwrap(openSpool(':memory:', { bytesMax: 1e8, ageMaxMs: 1e9 }, world.wallMs()))
  const look = (): Promise<readonly Look[]> => {
    const samples = Array.from({ length: STREAMS }, (_, index) => ({
      resource: `device:a/interface:${index}`,
      meter: 'interface.octets.in',
      value: BigInt(world.now),
    }))
    return Promise.resolve([{ samples }])
  }
  const options = { agentId: AGENT, agentVersion: '1', spool, clock: world, logger: silent }
  run = new MeteringRun({ ...options, sources: [{ name: 'many', look }], signer: () => signer }, 1000)
})
afterEach(() => spool.close())

/** A connection whose other side reads `reads` frames after the hello, and then no more until told. */
class Peer {
  readonly sent: AgentFrame['kind'][] = []
  readonly connection: Connection
  reads: number
  /** What is timed and not called off. */
  readonly timers = new Set<{ readonly ms: number; readonly act: () => void }>()
  #listener: FramesListener | undefined

  constructor(reads: number) {
    this.reads = reads
    const frames = {
      send: (kind: AgentFrame['kind']) => void this.sent.push(kind),
      isCongested: () => this.of('definitions').length >= this.reads,
      end: () => {},
      listen: (listener: FramesListener) => void (this.#listener = listener),
    }
    this.connection = new Connection(frames, {
      identity: { agentId: AGENT, collectorPublicKey: signer.publicKey },
      signer,
      runId: run.runId,
      agentVersion: '1',
      spool,
      logger: silent,
      answerTimeoutMs: ANSWER_TIMEOUT_MS,
      demandsProof: false,
      endsWhenDrained: false,
      wallMs: () => world.wallMs(),
      timer: (ms, act) => {
        const timer = { ms, act }
        this.timers.add(timer)
        return () => void this.timers.delete(timer)
      },
      onReceipt: () => {},
      onWelcome: () => {},
      onPolicy: () => {},
    })
    this.#tell({ case: 'challenge', value: create(ChallengeSchema, { nonce: new Uint8Array(32) }) })
    this.#tell({ case: 'welcome', value: create(WelcomeSchema, { windowBatches: 8 }) })
  }

  of(name: AgentFrame['kind']['case']): AgentFrame['kind'][] {
    return this.sent.filter((kind) => kind.case === name)
  }

  /** Reads so many frames of definitions more. */
  read(frames: number): void {
    this.reads += frames
    this.#listener?.relieved()
  }

  #tell(kind: CollectorFrame['kind']): void {
    this.#listener?.frame(create(CollectorFrameSchema, { kind }))
  }
}

async function seal(): Promise<void> {
  world.pass(1000, 1n)
  await run.look()
  unwrap(run.seal())
}

describe('definitions of many streams', () => {
  it('wait until the other side reads, and the batch waits for them', async () => {
    await seal()
    const peer = new Peer(2)
    expect(peer.of('definitions')).toHaveLength(2)
    peer.connection.pump()
    expect(peer.of('definitions')).toHaveLength(2)
    expect(peer.of('batch')).toHaveLength(0)
    peer.read(1)
    expect(peer.of('definitions')).toHaveLength(3)
    peer.read(100)
    expect(peer.of('batch')).toHaveLength(1)
    expect(peer.sent.at(-1)?.case).toBe('batch')
    const named = peer.of('definitions').flatMap((kind) => {
      if (kind.case !== 'definitions') return []
      expect(kind.value.streams.length).toBeLessThanOrEqual(DEFINITIONS_PER_FRAME)
      return kind.value.streams.map(({ resource }) => resource)
    })
    expect(named).toHaveLength(STREAMS)
    expect(new Set(named).size).toBe(STREAMS)
  })

  it('do not wait for ever: who reads nothing for as long as an answer may take is left', async () => {
    await seal()
    const peer = new Peer(2)
    const timer = [...peer.timers].find(({ ms }) => ms === ANSWER_TIMEOUT_MS)
    timer!.act()
    expect(await peer.connection.ended).toMatchObject({ fault: { code: 'UNAVAILABLE' }, progressed: false })
  })
})

describe('an answer', () => {
  it('is waited for also once the other side has read all that the window allows', async () => {
    for (let batch = 0; batch < 9; batch++) await seal()
    const peer = new Peer(3)
    peer.read(100)
    expect(peer.of('batch')).toHaveLength(8)
    peer.read(0)
    expect([...peer.timers].filter(({ ms }) => ms === ANSWER_TIMEOUT_MS)).toHaveLength(1)
  })

  it('is waited for from the oldest batch on, however many follow', async () => {
    await seal()
    const peer = new Peer(100)
    const answers = (): object[] => [...peer.timers].filter(({ ms }) => ms === ANSWER_TIMEOUT_MS)
    const first = answers()
    expect(first).toHaveLength(1)
    await seal()
    peer.connection.pump()
    expect(peer.of('batch')).toHaveLength(2)
    expect(answers()).toHaveLength(1)
    expect(answers()[0]).toBe(first[0])
  })
})
