import { fromBinary, toBinary } from '@bufbuild/protobuf'
import { declareStream } from '@vouch/collector/ingest/declare.ts'
import { validateReadings } from '@vouch/collector/ingest/validate.ts'
import { BatchBodySchema, StreamDefinitionSchema } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { PushRequestSchema } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { isFaultCode } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { openBatch, peekHeader } from '@vouch/proto/seal/batch.ts'
import { TAGS } from '@vouch/proto/seal/seal.ts'
import { decodeBody } from '@vouch/proto/wire/body.ts'
import type { Columns } from '@vouch/proto/wire/body.ts'
import { seededRandom } from '../chaos/random.ts'
import { AGENT_ID, RESOURCE, SIGNER, frame, soundBatch, soundBody, soundDefinition } from './corpus.ts'
import { mutate, oneOf, pick } from './mutate.ts'

/** How often each answer was given: a fault's code, `taken`, or `unreadable` where it is no message at all. */
export type Tally = Map<string, number>

const LIMITS = { rowsMax: 50, streamsMax: 100 }
const READING_LIMITS = { futureMaxMs: 300_000, ageMaxMs: 400 * 86_400_000, spanMaxMs: 3_600_000 }
const NOW_MS = 1_760_000_100_000
/** What is said has to fit into a trailer. */
const MESSAGE_CHARACTERS_MAX = 1_000
const GOLDEN = 0x9e37_79b9
/** What mutants are made from. */
const SOUND = 256
const sound = seededRandom(0)
const BODIES = Array.from({ length: SOUND }, () => soundBody(sound))
const BATCHES = Array.from({ length: SOUND }, () => soundBatch(sound))
const FRAMES = BATCHES.map((value) => frame({ case: 'batch', value }))
const DEFINITIONS = Array.from({ length: SOUND }, () =>
  toBinary(StreamDefinitionSchema, soundDefinition(sound)),
)

/** The numbers of one case: any case of a seed can be run by itself. */
export function randomOf(seed: number, index: number): () => number {
  return seededRandom((Math.imul(index + 1, GOLDEN) ^ seed) >>> 0)
}

/** Feeds one mutant to the decoders. Throws where they do, or where what they took is not sound. */
export function fuzzDecoder(seed: number, index: number, tally: Tally): void {
  const random = randomOf(seed, index)
  // A signature costs as much as fifty decodings.
  const kind = pick(random, 64)
  if (kind < 44) fuzzBody(random, tally)
  else if (kind < 52) fuzzFrame(random, tally)
  else if (kind < 62) fuzzDefinition(random, tally)
  else fuzzBatch(random, kind === 62, tally)
}

function fuzzBody(random: () => number, tally: Tally): void {
  const bytes = mutate(oneOf(random, BODIES), random)
  const decoded = decodeBody(bytes, LIMITS)
  note(decoded, tally)
  if (!decoded.ok) return
  const rows = soundColumns(decoded.value)
  // Whatever the strict decoder takes, any decoder reads, and finds the same in it.
  const plain = fromBinary(BatchBodySchema, bytes)
  if (plain.timeMs.length !== rows || plain.losses.length !== decoded.value.losses.length)
    throw new Error('two decoders read different batches')
  const valid = validateReadings(decoded.value, NOW_MS, READING_LIMITS)
  if (!valid.ok) note(valid, tally)
}

function soundColumns({ segmentRows, segmentStream, streamIds, timeMs, register, spanMs }: Columns): number {
  const rows = segmentRows.reduce((sum, count) => sum + count, 0)
  if (rows > LIMITS.rowsMax || [timeMs, register, spanMs].some(({ length }) => length !== rows))
    throw new Error(`${rows} rows do not fit the columns`)
  if (segmentStream.some((stream) => stream >= streamIds.length / 16)) throw new Error('a stream without id')
  let at = 0
  for (const count of segmentRows) {
    for (let row = at + 1; row < at + count; row++)
      if (timeMs[row]! <= timeMs[row - 1]! || register[row]! < register[row - 1]!)
        throw new Error('time or register falls inside a segment')
    at += count
  }
  return rows
}

function fuzzFrame(random: () => number, tally: Tally): void {
  const bytes = mutate(oneOf(random, FRAMES), random)
  let kind
  try {
    kind = fromBinary(PushRequestSchema, bytes).frame?.kind
  } catch {
    tallyUp('unreadable', tally)
    return
  }
  if (kind?.case === 'batch') note(peekHeader(kind.value), tally)
}

function fuzzDefinition(random: () => number, tally: Tally): void {
  const bytes = mutate(oneOf(random, DEFINITIONS), random)
  let definition
  try {
    definition = fromBinary(StreamDefinitionSchema, bytes)
  } catch {
    tallyUp('unreadable', tally)
    return
  }
  note(declareStream(definition, { agentId: AGENT_ID, resource: RESOURCE }, NOW_MS), tally)
}

/** Half of the mutants are signed again: behind a sound signature stands anything, too. */
function fuzzBatch(random: () => number, again: boolean, tally: Tally): void {
  const batch = oneOf(random, BATCHES)
  const header = mutate(batch.header, random)
  const signature = again ? SIGNER.sign(TAGS.batch, header) : mutate(batch.signature, random)
  note(openBatch({ ...batch, header, signature }, SIGNER.publicKey), tally)
}

function note(result: Result<unknown>, tally: Tally): void {
  if (result.ok) {
    tallyUp('taken', tally)
    return
  }
  const { code, message } = result.fault
  if (!isFaultCode(code)) throw new Error(`${String(code)} is not in the list of faults`)
  if (message.length > MESSAGE_CHARACTERS_MAX) throw new Error(`${code} says ${message.length} characters`)
  tallyUp(code, tally)
}

/** Counts one answer. */
export function tallyUp(answer: string, tally: Tally): void {
  tally.set(answer, (tally.get(answer) ?? 0) + 1)
}
