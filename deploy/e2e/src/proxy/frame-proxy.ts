import { Server, ServerCredentials, credentials } from '@grpc/grpc-js'
import type { ServerDuplexStream } from '@grpc/grpc-js'
import { EnrolmentService } from '@vouch/proto/gen/vouch/enrolment/v1/enrolment_pb.ts'
import { IngestService } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { PushRequest, PushResponse } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { fail, unwrap } from '@vouch/proto/kernel/fault.ts'
import { addService, faultOfError, faultToStatus, makeClient } from '@vouch/proto/wire/grpc.ts'
import { bind } from '@vouch/proto/wire/listen.ts'
import { seededRandom } from '../chaos/random.ts'
import { Disorder, emptyTally } from './disorder.ts'
import type { Direction, Mischief, Tally } from './disorder.ts'

/** A man in the middle between agents and a collector. */
export interface FrameProxy {
  /** Where agents connect, on loopback. */
  readonly address: string
  /** What was done to batches on their way up, and to receipts on their way down. */
  readonly batches: Tally
  readonly receipts: Tally
  close(): void
}

/** What a bad network does, and a bit worse: each connection lives for some dozens of batches. */
const BATCHES: Mischief = { duplicate: 0.2, reorder: 0.1, replay: 0.05, delay: 0.1, drop: 0.03 }
const RECEIPTS: Mischief = { duplicate: 0.2, reorder: 0.1, replay: 0.1, delay: 0.1, drop: 0.03 }

/** Channels of their own, which dial at once: the agents' pauses are the ones under test. */
const CHANNEL = {
  'grpc.use_local_subchannel_pool': 1,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 500,
  'grpc.max_receive_message_length': -1,
}

/**
 * Stands between agents and the collector at `target`: duplicates, reorders, delays and replays batches and
 * receipts, and breaks connections, as follows from the seed. Definitions and greetings pass in order, as on any
 * connection: what overtakes them is a protocol error, not a fault of the network.
 */
export async function startFrameProxy(target: string, seed: number): Promise<FrameProxy> {
  const up: Direction<PushRequest> = directionOf(BATCHES, seed)
  const down: Direction<PushResponse> = directionOf(RECEIPTS, ~seed)
  const server = new Server({ 'grpc.max_receive_message_length': -1 })
  addService(server, IngestService, { push: (agent) => relay(agent, target, up, down) })
  addEnrolment(server, target)
  const address = unwrap(await bind(server, '127.0.0.1:0', ServerCredentials.createInsecure(), 'the proxy'))
  return { address, batches: up.tally, receipts: down.tally, close: () => server.forceShutdown() }
}

function directionOf<T>(mischief: Mischief, seed: number): Direction<T> {
  return { mischief, random: seededRandom(seed), tally: emptyTally(), history: [] }
}

function relay(
  agent: ServerDuplexStream<PushRequest, PushResponse>,
  target: string,
  up: Direction<PushRequest>,
  down: Direction<PushResponse>,
): void {
  const client = makeClient(IngestService, target, credentials.createInsecure(), CHANNEL)
  const collector = client.push()
  let over = false
  const finish = (error?: Error): void => {
    if (over) return
    over = true
    upward.end()
    downward.end()
    if (error === undefined) agent.end()
    else agent.emit('error', error)
    collector.cancel()
    client.close()
  }
  const drop = (): void => finish(faultToStatus(fail('UNAVAILABLE', 'the proxy broke the connection').fault))
  const upward = new Disorder(up, { emit: (frame) => void collector.write(frame), drop })
  const downward = new Disorder(down, { emit: (frame) => void agent.write(frame), drop })
  agent.on('data', (frame: PushRequest) => upward.pass(frame, frame.frame?.kind.case === 'batch'))
  agent.on('end', () => upward.after(() => collector.end()))
  agent.on('cancelled', () => finish())
  agent.on('error', () => finish())
  collector.on('data', (frame: PushResponse) => downward.pass(frame, frame.frame?.kind.case === 'receipt'))
  collector.on('end', () => downward.after(() => finish()))
  collector.on('error', (error) => downward.after(() => finish(error)))
}

/** Enrolment passes as it is: a token is spent once, whatever the network does. */
function addEnrolment(server: Server, target: string): void {
  const forward = async <T>(
    call: (client: ReturnType<typeof makeClient<(typeof EnrolmentService)['method']>>) => Promise<T>,
    answer: (error: ReturnType<typeof faultToStatus> | null, value?: T) => void,
  ): Promise<void> => {
    const client = makeClient(EnrolmentService, target, credentials.createInsecure(), CHANNEL)
    try {
      answer(null, await call(client))
    } catch (error) {
      answer(faultToStatus(faultOfError(error)))
    } finally {
      client.close()
    }
  }
  addService(server, EnrolmentService, {
    enrol: ({ request }, answer) => void forward((client) => client.enrol(request), answer),
    rotateKey: ({ request }, answer) => void forward((client) => client.rotateKey(request), answer),
  })
}
