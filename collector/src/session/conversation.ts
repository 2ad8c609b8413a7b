import { create } from '@bufbuild/protobuf'
import {
  ChallengeSchema,
  RejectionSchema,
  WelcomeSchema,
} from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { AgentFrame, Hello } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { equalBytes } from '@vouch/proto/kernel/bytes.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { helloBytes, welcomeBytes } from '@vouch/proto/seal/handshake.ts'
import { TAGS, verify } from '@vouch/proto/seal/seal.ts'
import { refreshRun } from '../intake/facts.ts'
import type { Committer } from '../intake/committer.ts'
import type { Intake } from '../intake/intake.ts'
import type { Room } from '../intake/room.ts'
import { barredFault } from '../fleet/barred.ts'
import { decommission, rotateKey } from '../fleet/life.ts'
import type { LifeDeps } from '../fleet/life.ts'
import type { AgentRecord } from '../fleet/ports.ts'
import type { Archive, Clock, Logger } from '../ports.ts'
import type { Ages } from './ages.ts'
import { Session } from './session.ts'
import type { SessionDeps } from './session.ts'
import type { Sessions } from './sessions.ts'
import type { Wire } from './wire.ts'

/** What a conversation with an agent needs. */
export interface ConversationDeps extends SessionDeps {
  readonly intake: Intake
  readonly committer: Committer
  readonly archive: Archive
  readonly sessions: Sessions
  readonly ages: Ages
  readonly room: Room
  readonly logger: Logger
  readonly clock: Clock
  /** So many random bytes. */
  readonly random: (bytes: number) => Uint8Array
  /** Time to answer the challenge, milliseconds. */
  readonly helloTimeoutMs: number
  /** After about this time a connection is handed over, so that agents spread over the collectors there are; milliseconds. */
  readonly connectionAgeMaxMs: number
  /** Largest signed batch, bytes. */
  readonly batchBytesMax: number
}

/** What both sides have said so far. */
interface Handshake {
  readonly hello: Hello
  /** Of the challenge that the hello answers. */
  readonly nonce: Uint8Array
}

const NONCE_BYTES = 32
/** What a batch takes in memory for each byte signed: its columns decoded are about twice as large. */
const WEIGHT = 3
/** Of the age of a connection, up or down. */
const AGE_JITTER = 0.1
/** Why a wait ends early; without a reason of our own an exception is made for each. */
const ANSWERED = 'answered'
/** The sequence of a rejection that concerns the connection itself. */
const CONNECTION = 0n

/**
 * Speaks with one agent: challenge, hello, welcome, then definitions and batches until either side ends.
 * Returns when the last batch has its answer. Throws where the wire does.
 */
export async function converse(wire: Wire, deps: ConversationDeps): Promise<void> {
  const nonce = deps.random(NONCE_BYTES)
  wire.send({
    case: 'challenge',
    value: create(ChallengeSchema, { nonce, wallMs: BigInt(deps.clock.now()) }),
  })
  const greeting = await greet(wire, nonce, deps)
  if (!greeting.ok) {
    deps.logger.info({ fault: greeting.fault, peer: wire.peer }, 'connection refused')
    refuse(wire, greeting.fault)
    return
  }
  // Only those count that have shown who they are: nobody else can take their place.
  const entered = deps.sessions.enter()
  if (!entered.ok) {
    refuse(wire, entered.fault)
    return
  }
  const { hello, agent } = greeting.value
  const { runId, agentVersion } = hello
  const lane = deps.sessions.lane(hello.agentId)
  lane.observer.hello({ runId, agentVersion, address: wire.peer }, deps.clock.now())
  const session = new Session(wire, lane, agent, deps)
  wire.watch({ relieved: session.moved, gone: () => session.close() })
  deps.sessions.add(session)
  deps.ages.add(session, ageMs(deps))
  try {
    await takeAll(session, { hello, nonce }, deps)
  } finally {
    deps.ages.remove(session)
    // What is queued still belongs to this agent's lane, and its receipts to this connection.
    await session.settled()
    deps.sessions.remove(session)
    deps.sessions.leave()
  }
  session.finish()
}

/** Connections made together do not end together. */
function ageMs({ random, connectionAgeMaxMs }: ConversationDeps): number {
  const [byte = 0] = random(1)
  return Math.round(connectionAgeMaxMs * (1 + AGE_JITTER * (byte / 127.5 - 1)))
}

async function greet(
  wire: Wire,
  nonce: Uint8Array,
  deps: ConversationDeps,
): Promise<Result<{ readonly hello: Hello; readonly agent: AgentRecord }>> {
  const answered = new AbortController()
  const late = deps.clock.sleep(deps.helloTimeoutMs, answered.signal).then(() => undefined)
  const frame = await Promise.race([wire.next(), late])
  answered.abort(ANSWERED)
  if (frame?.case !== 'hello') return fail('CHALLENGE_FAILED', 'the challenge was not answered, or too late')
  const { expects } = wire
  if (expects !== undefined && !equalBytes(expects, frame.value.agentId))
    return fail('CHALLENGE_FAILED', `agent ${frame.value.agentId.toHex()} answers, which is another one`)
  const agent = await authenticate(frame.value, nonce, deps)
  return agent.ok ? ok({ hello: frame.value, agent: agent.value }) : agent
}

async function authenticate(
  hello: Hello,
  nonce: Uint8Array,
  deps: ConversationDeps,
): Promise<Result<AgentRecord>> {
  const { agentId, runId, keyId, signature } = hello
  if (agentId.length !== 16 || runId.length !== 16)
    return fail('CHALLENGE_FAILED', 'agent and run ids have 16 bytes')
  if (![0, NONCE_BYTES].includes(hello.nonce.length))
    return fail('CHALLENGE_FAILED', `a nonce has ${NONCE_BYTES} bytes`)
  const agent = await deps.fleet.agent(agentId)
  if (!agent.ok) return agent
  const { state, reason, keys } = agent.value
  const key = keys.get(keyId.toHex())
  if (key === undefined)
    return fail('KEY_UNKNOWN', "the challenge was answered with a key that is not this agent's")
  if (!verify(TAGS.hello, helloBytes(nonce, agentId, runId), signature, key.publicKey)) {
    return fail('CHALLENGE_FAILED', 'the challenge was not signed by the key that is named')
  }
  if (state !== 'active') return { ok: false, fault: barredFault(state, reason) }
  if (key.retiredMs !== undefined)
    return fail('KEY_RETIRED', 'this key was rotated away; connect with the current one')
  return agent
}

async function takeAll(session: Session, handshake: Handshake, deps: ConversationDeps): Promise<void> {
  const { lane } = session
  const { hello } = handshake
  const run = await lane.alone(() => refreshRun(lane, hello.runId, deps.archive))
  if (!run.ok) {
    session.refuse(CONNECTION, run.fault, 0)
    return
  }
  const welcome = create(WelcomeSchema, {
    durableSequence: run.value.durable?.sequence ?? 0n,
    windowBatches: deps.windowBatches,
    batchBytesMax: deps.batchBytesMax,
    takesStatus: true,
    signature: proofFor(handshake, deps),
  })
  session.send({ case: 'welcome', value: welcome })
  session.tellPolicy()
  while (!session.ended) {
    await session.room()
    await session.allowance()
    if (!(await takeNext(session, deps))) return
  }
}

/** What shows an agent that asks for it that this is the collector of its enrolment. */
function proofFor({ hello, nonce }: Handshake, { signer }: ConversationDeps): Uint8Array<ArrayBuffer> {
  if (hello.nonce.length === 0) return new Uint8Array()
  return signer.sign(TAGS.welcome, welcomeBytes(hello.nonce, nonce, hello.agentId, hello.runId))
}

/** False where there is no next one. On its own, so that nothing holds a batch while the one after it is waited for. */
async function takeNext(session: Session, deps: ConversationDeps): Promise<boolean> {
  const frame = await session.next()
  if (frame === undefined) return false
  await take(session, frame, deps)
  return true
}

async function take(session: Session, frame: AgentFrame['kind'], deps: ConversationDeps): Promise<void> {
  const nowMs = deps.clock.now()
  session.lane.observer.heard(nowMs)
  session.lane.frames.spend(1, nowMs)
  switch (frame.case) {
    case 'batch': {
      const { header, body } = frame.value
      session.hold(await deps.room.take(session.lane.name, WEIGHT * (header.length + body.length)))
      try {
        await deps.intake.admit(session, frame.value)
      } finally {
        session.drop()
      }
      return
    }
    case 'definitions': {
      await deps.committer.room()
      const rows = session.declare(frame.value.streams)
      if (!rows.ok) session.refuse(CONNECTION, rows.fault, 0)
      else if (rows.value.length > 0) deps.committer.declare(rows.value, session)
      return
    }
    case 'status':
      session.lane.observer.status(frame.value, deps.clock.now())
      return
    case 'rotateKey': {
      const rotated = await asked(session, frame.value, () => rotateKey(frame.value, lifeOf(deps)))
      if (rotated !== undefined) await session.answer({ case: 'keyRotated', value: rotated })
      return
    }
    case 'decommission': {
      const ended = await asked(session, frame.value, () => decommission(frame.value, lifeOf(deps)))
      if (ended !== undefined) await session.answer({ case: 'decommissioned', value: ended })
      return
    }
    case 'hello':
      session.refuse(CONNECTION, fail('BATCH_MALFORMED', 'a second hello on one connection').fault, 0)
      return
    // A frame of a later version of the protocol: not for this collector.
    case undefined:
  }
}

/** What an agent that cannot dial asks over its connection, for itself only. Undefined where it is refused. */
async function asked<T>(
  session: Session,
  { agentId }: { readonly agentId: Uint8Array },
  answer: () => Promise<Result<T>>,
): Promise<T | undefined> {
  const own = equalBytes(agentId, session.lane.agentId)
  const result = own ? await answer() : fail('FORBIDDEN', 'an agent asks for itself only')
  if (result.ok) return result.value
  session.refuse(CONNECTION, result.fault, 0)
  return undefined
}

function lifeOf(deps: ConversationDeps): LifeDeps {
  return { ...deps, now: deps.clock.now }
}

function refuse(wire: Wire, fault: Fault): void {
  const { code, message } = fault
  wire.send({ case: 'rejection', value: create(RejectionSchema, { code, message }) })
  wire.end(fault)
}
