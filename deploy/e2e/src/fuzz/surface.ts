import { isFaultCode } from '@vouch/proto/kernel/fault.ts'
import { connect } from 'node:net'
import { gzipSync } from 'node:zlib'
import { create } from '@bufbuild/protobuf'
import type { TestAgent } from '@vouch/collector/testing/test-agent.ts'
import { HelloSchema, StreamDefinitionsSchema } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { helloBytes } from '@vouch/proto/seal/handshake.ts'
import { TAGS } from '@vouch/proto/seal/seal.ts'
import { PUSH, RawCall, Sessions, framed } from './call.ts'
import type { Answer } from './call.ts'
import { AGENT_ID, SIGNER, frame, soundBatch, soundBody, soundDefinition, soundRequest } from './corpus.ts'
import { randomOf, tallyUp } from './decoder.ts'
import type { Tally } from './decoder.ts'
import { mutate, noise, oneOf, pick } from './mutate.ts'

/** What the cases are run against. */
export interface SurfaceTarget {
  readonly address: string
  enrol(): Promise<TestAgent>
}

type Random = () => number

const BOMB = gzipSync(Buffer.alloc(64 * 1024 * 1024))
const MESSAGE_CHARACTERS_MAX = 1_000
/** What the collector's server refuses before a service is asked, by gRPC status. */
const TRANSPORT = new Map<number, RegExp>([
  [4, /did not arrive in time|deadline of the call/],
  [8, /is larger than/],
  [12, /does not implement|compressed|(?:no|a second) request message/],
  [13, /is not a|grpc-timeout|unknown flag|ends within a message/],
])
const SOCKET_MAX_MS = 20_000

/** Runs calls of one worker against a collector: its own agent, its own session. */
export class SurfaceWorker {
  readonly #target: SurfaceTarget
  readonly #sessions: Sessions
  readonly #seed: number
  readonly #tally: Tally
  /** Digests of its chain by sequence: what was refused is taken back. */
  #digests = new Map<bigint, Uint8Array>()
  #agent: TestAgent | undefined

  constructor(target: SurfaceTarget, seed: number, tally: Tally) {
    this.#target = target
    this.#sessions = new Sessions(target.address)
    this.#seed = seed
    this.#tally = tally
  }

  /** Runs one case. Throws where the answer is none that a peer may get. */
  async run(index: number): Promise<void> {
    const random = randomOf(this.#seed, index)
    const kind = pick(random, 20)
    if (kind === 0) await this.#socket(random)
    else if (kind < 9) await this.#authenticated(random)
    else this.#judge(await (await this.#stranger(random)).answer())
  }

  close(): void {
    this.#sessions.close()
  }

  async #stranger(random: Random): Promise<RawCall> {
    const request = soundRequest(random)
    const hello = frame({
      case: 'hello',
      value: create(HelloSchema, { agentId: AGENT_ID, runId: AGENT_ID, keyId: SIGNER.keyId }),
    })
    const { path, bytes } = random() < 0.5 ? request : { path: PUSH, bytes: hello }
    const headers: Record<string, string> = { ':path': path }
    if (random() < 0.1) headers[':path'] = oneOf(random, ['/', '/x', `${path}x`, '/no.such.Service/Call'])
    if (random() < 0.1)
      headers['content-type'] = oneOf(random, ['text/plain', 'application/grpc+json', 'application/grp'])
    if (random() < 0.2) headers['grpc-encoding'] = oneOf(random, ['gzip', 'deflate', 'identity', 'x'])
    if (random() < 0.05) headers['grpc-timeout'] = oneOf(random, ['1m', 'x', '99999999H', '-1S'])
    const call = new RawCall(this.#sessions.session(), headers, path === PUSH)
    // Where a stream ends in the tick in which it is answered, Node may lose the trailers: not what is tested here.
    if (path === PUSH) await call.frame(0)
    for (const chunk of wild(bytes, random)) call.write(chunk)
    // Some never end: the collector has to.
    if (random() < 0.99) call.end()
    return call
  }

  async #authenticated(random: Random): Promise<void> {
    this.#agent ??= await this.#target.enrol()
    const agent = this.#agent
    const call = new RawCall(this.#sessions.session(), { ':path': PUSH }, true)
    const challenge = await call.frame(0)
    if (challenge?.case !== 'challenge') throw new Error('no challenge')
    const { agentId, runId, signer } = agent
    const signature = signer.sign(TAGS.hello, helloBytes(challenge.value.nonce, agentId, runId))
    const hello = create(HelloSchema, { agentId, runId, keyId: signer.keyId, signature })
    call.write(framed(frame({ case: 'hello', value: hello })))
    const welcome = await call.frame(1)
    if (welcome?.case === 'welcome') {
      agent.sequence = welcome.value.durableSequence
      agent.previous = this.#digests.get(agent.sequence) ?? new Uint8Array()
      const streams = create(StreamDefinitionsSchema, { streams: [agent.stream] })
      call.write(framed(frame({ case: 'definitions', value: streams })))
      for (let more = 1 + pick(random, 4); more > 0; more--) call.write(this.#frame(agent, random))
    }
    call.end()
    const answer = await call.answer()
    this.#judge(answer)
    if (/AGENT_QUARANTINED|SEQUENCE_FORK/.test(codeOf(answer))) this.#renew()
  }

  #frame(agent: TestAgent, random: Random): Uint8Array {
    const kind = pick(random, 5)
    if (kind === 0) {
      const streams = create(StreamDefinitionsSchema, { streams: [soundDefinition(random)] })
      return framed(mutate(frame({ case: 'definitions', value: streams }), random))
    }
    if (kind === 1) return Buffer.concat(wild(frame({ case: 'batch', value: soundBatch(random) }), random))
    // Signed by the agent itself, whatever the body is.
    const signed = agent.seal([], { body: mutate(soundBody(random), random) })
    this.#digests.set(agent.sequence, agent.previous)
    const bytes = frame({ case: 'batch', value: signed })
    return framed(kind === 2 ? mutate(bytes, random) : bytes)
  }

  #renew(): void {
    this.#agent = undefined
    this.#digests = new Map()
  }

  /** Bytes on a socket that may be no HTTP/2 at all; the collector has to close it. */
  async #socket(random: Random): Promise<void> {
    const [host, port] = this.#target.address.split(':')
    const socket = connect(Number(port), host)
    socket.on('error', () => undefined)
    socket.resume()
    const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n')
    socket.write(
      random() < 0.5 ? mutate(preface, random) : Buffer.concat([preface, noise(random, pick(random, 400))]),
    )
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()))
    const late = AbortSignal.timeout(SOCKET_MAX_MS)
    await Promise.race([
      closed,
      new Promise((_, reject) =>
        late.addEventListener('abort', () => reject(new Error('a socket stays open'))),
      ),
    ])
    tallyUp('socket closed', this.#tally)
  }

  #judge(answer: Answer): void {
    const said = codeOf(answer)
    tallyUp(said, this.#tally)
    for (const { case: kind, value } of answer.frames) {
      if (kind !== 'rejection' && kind !== 'receipt') continue
      tallyUp(kind === 'receipt' ? 'receipt' : `rejection ${value.code}`, this.#tally)
      if (kind === 'rejection' && !isFaultCode(value.code)) throw new Error(`a rejection with ${value.code}`)
    }
    const { http, grpc, fault, details, dropped } = answer
    // Who sends much without saying who it is loses the socket, and the calls on it.
    if (dropped && grpc === undefined) return
    if (fault !== undefined) {
      if (!isFaultCode(fault.code)) throw new Error(`${fault.code} is not in the list of faults`)
      if (fault.message.length > MESSAGE_CHARACTERS_MAX) throw new Error(`${fault.code} talks too much`)
      if (fault.code === 'INTERNAL') throw new Error(`INTERNAL: ${fault.message}`)
    } else if (http === 200 && grpc !== 0 && !(TRANSPORT.get(grpc ?? -1)?.test(details) ?? false)) {
      throw new Error(`gRPC status ${grpc} without a fault: ${details}`)
    } else if (http !== 200 && http !== 415) throw new Error(`HTTP status ${http}`)
  }
}

/** Messages whose frames need not be such. */
function wild(bytes: Uint8Array, random: Random): Buffer[] {
  const mutant = mutate(bytes, random)
  const sound = framed(mutant)
  return oneOf<() => Buffer[]>(random, [
    () => [sound],
    () => [sound],
    () => [sound],
    () => [sound, sound, sound],
    () => [framed(mutant, pick(random, 256))],
    () => [framed(mutant, 0, pick(random, 2 ** 31))],
    () => [framed(mutant, 1)],
    () => [framed(BOMB, 1)],
    () => [framed(noise(random, 1))],
    () => [Buffer.from(noise(random, pick(random, 300)))],
    () => [...sound].map((byte) => Buffer.of(byte)).slice(0, 100),
    () => Array.from({ length: 500 }, () => framed(new Uint8Array())),
    () => [],
  ])()
}

function codeOf({ http, grpc, fault, dropped }: Answer): string {
  if (fault !== undefined) return fault.code
  if (grpc !== undefined) return `gRPC ${grpc}`
  return dropped ? 'socket dropped' : `HTTP ${http}`
}
