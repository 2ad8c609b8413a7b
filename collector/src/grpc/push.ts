import { randomBytes } from 'node:crypto'
import { create } from '@bufbuild/protobuf'
import {
  ChallengeSchema,
  CollectorFrameSchema,
  PushResponseSchema,
  RejectionSchema,
  WelcomeSchema,
} from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type {
  AgentFrame,
  CollectorFrame,
  Hello,
  PushRequest,
} from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { FaultError, fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { helloBytes } from '@vouch/proto/seal/handshake.ts'
import { TAGS, verify } from '@vouch/proto/seal/seal.ts'
import { faultOfError, faultToStatus } from '@vouch/proto/wire/grpc.ts'
import type { Committer } from '../intake/committer.ts'
import type { Intake } from '../intake/intake.ts'
import { loadRun } from '../intake/facts.ts'
import type { AgentRecord, Archive, Logger } from '../ports.ts'
import { Session } from './session.ts'
import type { PushCall, SessionDeps } from './session.ts'
import type { Sessions } from './sessions.ts'

/** What Push needs. */
export interface PushDeps extends SessionDeps {
  readonly intake: Intake
  readonly committer: Committer
  readonly archive: Archive
  readonly sessions: Sessions
  readonly logger: Logger
  /** Time to answer the challenge, milliseconds. */
  readonly helloTimeoutMs: number
  /** Largest signed batch, bytes. */
  readonly batchBytesMax: number
}

type Frames = AsyncIterator<PushRequest>

const NONCE_BYTES = 32
/** The sequence of a rejection that concerns the connection itself. */
const CONNECTION = 0n

/** Handles IngestService.Push: challenge, hello, welcome, then definitions and batches until either side ends. */
export function pushHandler(deps: PushDeps): (call: PushCall) => void {
  return (call) => {
    // A cancelled call emits errors after everybody has stopped listening.
    call.on('error', () => undefined)
    const entered = deps.sessions.enter()
    if (!entered.ok) {
      end(call, entered.fault)
      return
    }
    serve(call, deps)
      .catch((error: unknown) => {
        if (isOwnRefusal(error)) return
        if (!call.cancelled) deps.logger.warn({ err: error, peer: call.getPeer() }, 'push stream broken')
        end(call, error instanceof FaultError ? error.fault : fail('INTERNAL', 'the stream broke off').fault)
      })
      .finally(() => deps.sessions.leave())
  }
}

/** What this side refused comes back as the call's error; the agent was told, and nothing is broken. */
function isOwnRefusal(error: unknown): boolean {
  return !(error instanceof FaultError) && faultOfError(error).code !== 'INTERNAL'
}

async function serve(call: PushCall, deps: PushDeps): Promise<void> {
  // An agent that has sent everything closes its side only: the call lives on until the status is sent.
  const frames: Frames = call.iterator({ destroyOnReturn: false })
  const nonce = randomBytes(NONCE_BYTES)
  write(call, { case: 'challenge', value: create(ChallengeSchema, { nonce, wallMs: BigInt(deps.now()) }) })
  const greeting = await greet(frames, nonce, deps)
  if (!greeting.ok) {
    deps.logger.info({ fault: greeting.fault, peer: call.getPeer() }, 'push stream refused')
    refuse(call, greeting.fault)
    return
  }
  const { hello, agent } = greeting.value
  const session = new Session(call, deps.sessions.lane(hello.agentId), agent, deps)
  call.on('drain', session.moved)
  call.on('close', session.moved)
  call.on('cancelled', () => session.close())
  deps.sessions.add(session)
  try {
    await converse(session, frames, hello, deps)
  } finally {
    // What is queued still belongs to this agent's lane, and its receipts to this call.
    await session.settled()
    deps.sessions.remove(session)
  }
  if (!session.ended) call.end()
}

async function greet(
  frames: Frames,
  nonce: Uint8Array,
  deps: PushDeps,
): Promise<Result<{ readonly hello: Hello; readonly agent: AgentRecord }>> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => resolve(undefined), deps.helloTimeoutMs)
  const first = await Promise.race([frames.next(), late])
  clearTimeout(timer)
  const frame = first === undefined ? undefined : frameOf(first)
  if (frame?.case !== 'hello') return fail('CHALLENGE_FAILED', 'the challenge was not answered, or too late')
  const agent = await authenticate(frame.value, nonce, deps)
  return agent.ok ? ok({ hello: frame.value, agent: agent.value }) : agent
}

async function authenticate(hello: Hello, nonce: Uint8Array, deps: PushDeps): Promise<Result<AgentRecord>> {
  const { agentId, runId, keyId, signature } = hello
  if (agentId.length !== 16 || runId.length !== 16)
    return fail('CHALLENGE_FAILED', 'agent and run ids have 16 bytes')
  const agent = await deps.fleet.agent(agentId)
  if (!agent.ok) return agent
  const { state, reason, keys } = agent.value
  const key = keys.get(keyId.toHex())
  if (key === undefined)
    return fail('KEY_UNKNOWN', "the challenge was answered with a key that is not this agent's")
  if (!verify(TAGS.hello, helloBytes(nonce, agentId, runId), signature, key.publicKey)) {
    return fail('CHALLENGE_FAILED', 'the challenge was not signed by the key that is named')
  }
  if (state === 'revoked') return fail('AGENT_REVOKED', `this agent was revoked: ${reason}`)
  if (state === 'quarantined') return fail('AGENT_QUARANTINED', `this agent is held apart: ${reason}`)
  if (key.retiredMs !== undefined)
    return fail('KEY_RETIRED', 'this key was rotated away; connect with the current one')
  return agent
}

async function converse(session: Session, frames: Frames, hello: Hello, deps: PushDeps): Promise<void> {
  const { lane } = session
  const run = await lane.alone(() => loadRun(lane, hello.runId, deps.archive))
  if (!run.ok) {
    session.refuse(CONNECTION, run.fault, 0)
    return
  }
  const welcome = create(WelcomeSchema, {
    durableSequence: run.value.durable?.sequence ?? 0n,
    windowBatches: deps.windowBatches,
    batchBytesMax: deps.batchBytesMax,
  })
  session.send({ case: 'welcome', value: welcome })
  while (!session.ended) {
    await session.room()
    const frame = frameOf(await frames.next())
    if (frame === undefined || session.ended) return
    await take(session, frame, deps)
  }
}

async function take(session: Session, frame: AgentFrame['kind'], deps: PushDeps): Promise<void> {
  switch (frame.case) {
    case 'batch':
      await deps.intake.admit(session, frame.value)
      return
    case 'definitions': {
      await deps.committer.room()
      const rows = session.declare(frame.value.streams)
      if (!rows.ok) session.refuse(CONNECTION, rows.fault, 0)
      else if (rows.value.length > 0) deps.committer.declare(rows.value, session)
      return
    }
    case 'hello':
    case undefined:
      session.refuse(
        CONNECTION,
        fail('BATCH_MALFORMED', 'a frame is neither definitions nor a batch').fault,
        0,
      )
  }
}

function frameOf(next: IteratorResult<PushRequest>): AgentFrame['kind'] | undefined {
  return next.done === true ? undefined : (next.value.frame?.kind ?? { case: undefined })
}

function write(call: PushCall, kind: CollectorFrame['kind']): void {
  call.write(create(PushResponseSchema, { frame: create(CollectorFrameSchema, { kind }) }))
}

function refuse(call: PushCall, fault: Fault): void {
  const { code, message } = fault
  write(call, { case: 'rejection', value: create(RejectionSchema, { code, message }) })
  end(call, fault)
}

function end(call: PushCall, fault: Fault): void {
  call.emit('error', faultToStatus(fault))
}
