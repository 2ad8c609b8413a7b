import { RegisterKind } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { parseResourceId } from '@vouch/proto/kernel/id.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { isBuiltInMeter, parseMeter } from '@vouch/proto/kernel/meter.ts'
import type { MeterKind } from '@vouch/proto/kernel/meter.ts'
import { sha256 } from '@vouch/proto/seal/seal.ts'
import { streamId } from '@vouch/proto/seal/stream.ts'
import type { Sample } from '../ports.ts'
import type { Moment } from './moment.ts'
import type { ReadingBuffer } from './reading-buffer.ts'
import { REGISTER_MAX, readCounter, readIntegral } from './register.ts'
import type { RegisterFile } from './register-file.ts'
import { StreamMeters } from './stream-meters.ts'
import type { Metered } from './stream-meters.ts'

/** A stream as the agent declares it. */
export interface StreamDeclaration extends Metered {
  /** 16 bytes. */
  readonly id: Uint8Array
  readonly resource: string
  readonly attributes: Readonly<Record<string, string>>
}

/** Who measures: names the streams and the lives of their registers. */
export interface Origin {
  /** 16 bytes. */
  readonly agentId: Uint8Array
  /** 16 bytes. */
  readonly runId: Uint8Array
  /** 16 bytes. */
  readonly bootId: Uint8Array
}

/** What one look brought. */
export interface Observation {
  /** Streams seen for the first time, or with other attributes. */
  readonly declared: readonly StreamDeclaration[]
  /** Samples that break the rules, one fault each. */
  readonly faults: readonly Fault[]
  /** Numbers of the streams read. */
  readonly seen: readonly number[]
}

type Attributes = StreamDeclaration['attributes']

const NO_ATTRIBUTES: Attributes = {}
const NO_ORDER = new Uint32Array()
const OCTETS_PER_MIB = 1024n * 1024n
const MS_PER_S = 1000n
const THOUSANDTHS = 1000n

/** Level × milliseconds that make one unit of an integral's register. */
export function divisorOf(unit: string): bigint {
  if (unit === 'MiB-second') return OCTETS_PER_MIB * MS_PER_S
  return unit === 'ms' ? THOUSANDTHS : THOUSANDTHS * MS_PER_S
}

/**
 * Turns samples into readings: knows the streams of an agent, whose registers are in a file. A look brings what the look before in its
 * track brought, mostly, and in the same order, so a stream is known by its place; only elsewhere is its id computed.
 */
export class MeterBook {
  readonly #origin: Origin
  readonly #file: RegisterFile
  readonly #run: bigint
  readonly #boot: string
  /** The meter of each stream, and the text of its resource and attributes. */
  readonly #meters = new StreamMeters()
  readonly #described: (string | undefined)[] = []
  /** The streams of the last look of each track, in its order. */
  readonly #orders = new Map<string, Uint32Array>()
  #lastDescribed = { resource: '', attributes: NO_ATTRIBUTES, text: describe('', NO_ATTRIBUTES) }
  #lastLife = { boot: '', own: '', life: lifeOf(' ') }

  constructor(origin: Origin, file: RegisterFile) {
    this.#origin = origin
    this.#file = file
    this.#run = lifeOf(origin.runId.toHex())
    this.#boot = origin.bootId.toHex()
  }

  /**
   * Reads every sample of a look of the track at one moment into `readings`. A stream sampled twice counts once: the
   * first.
   */
  observe(samples: readonly Sample[], moment: Moment, readings: ReadingBuffer, track = ''): Observation {
    const declared: StreamDeclaration[] = []
    const faults: Fault[] = []
    const order = this.#orders.get(track) ?? NO_ORDER
    const streams: number[] = []
    // Only where a look is not as the one before may it have a stream twice.
    let seen: Set<number> | undefined
    for (const sample of samples) {
      const expected = order[streams.length]
      const isKnown = expected !== undefined && this.#isOf(expected, sample)
      const found = isKnown ? ok(expected) : this.#declare(sample, declared)
      if (!found.ok) {
        faults.push(found.fault)
        continue
      }
      const stream = found.value
      if (!isKnown) seen ??= new Set(streams)
      if (seen?.has(stream) === true) continue
      seen?.add(stream)
      streams.push(stream)
      this.#read(stream, sample, moment, readings)
    }
    if (seen !== undefined || streams.length !== order.length)
      this.#orders.set(track, Uint32Array.from(streams))
    return { declared, faults, seen: streams }
  }

  /** Drops a track that is over with its streams; under the same names they would begin anew. */
  end(track: string, streams: readonly number[]): void {
    this.#orders.delete(track)
    for (const stream of streams) {
      this.#file.end(stream)
      this.#meters.forget(stream)
      this.#described[stream] = undefined
    }
  }

  /** Whether the sample is one more of the stream, as it was declared. */
  #isOf(stream: number, { attributes, kind, meter, resource, unit, value }: Sample): boolean {
    const [metered, described] = [this.#meters.of(stream), this.#described[stream]]
    return (
      metered?.meter === meter &&
      described === this.#describe(resource, attributes ?? NO_ATTRIBUTES) &&
      (isBuiltInMeter(meter)
        ? unit === undefined || unit === metered.unit
        : unit === metered.unit && kindOf(kind ?? 'counter') === metered.kind) &&
      isInRange(value)
    )
  }

  #declare(sample: Sample, declared: StreamDeclaration[]): Result<number> {
    if (!isInRange(sample.value))
      return fail(
        'OUT_OF_RANGE',
        `${sample.meter} ${sample.resource} reads ${sample.value}, which is no unsigned 64-bit number`,
      )
    const resource = parseResourceId(sample.resource)
    if (!resource.ok) return resource
    const parsed = parseMeter(sample.meter, sample.unit, sample.kind)
    if (!parsed.ok) return parsed
    const metered = { meter: sample.meter, unit: parsed.value.unit, kind: kindOf(parsed.value.kind) }
    const id = streamId(this.#origin.agentId, { resource: sample.resource, ...metered })
    const stream = this.#file.find(id) ?? this.#file.add(id)
    const attributes = sample.attributes ?? NO_ATTRIBUTES
    const described = this.#describe(sample.resource, attributes)
    if (this.#described[stream] === described) return ok(stream)
    this.#meters.put(stream, metered)
    this.#described[stream] = described
    declared.push({ id, resource: sample.resource, ...metered, attributes })
    return ok(stream)
  }

  /** Samples of one resource stand together, mostly with the same attributes: their streams share one text. */
  #describe(resource: string, attributes: Attributes): string {
    const last = this.#lastDescribed
    if (last.resource === resource && last.attributes === attributes) return last.text
    const text = describe(resource, attributes)
    this.#lastDescribed = { resource, attributes, text: text === last.text ? last.text : text }
    return this.#lastDescribed.text
  }

  #read(stream: number, sample: Sample, moment: Moment, readings: ReadingBuffer): void {
    const { kind, unit } = this.#meters.of(stream)!
    const register = this.#file.open(stream)
    const take = readings.of(stream)
    if (kind === RegisterKind.INTEGRAL)
      readIntegral(register, sample.value, divisorOf(unit), this.#run, moment, take)
    else {
      const boot = sample.outlivesBoots === true ? 'disk' : this.#boot
      readCounter(register, sample.value, this.#life(boot, sample.life ?? ''), moment, take)
    }
  }

  /** Samples of one resource stand together, and mostly have one life. */
  #life(boot: string, own: string): bigint {
    const last = this.#lastLife
    if (last.own !== own || last.boot !== boot) this.#lastLife = { boot, own, life: lifeOf(`${boot} ${own}`) }
    return this.#lastLife.life
  }
}

/** The identity of a register's life, of the text that names it. */
export function lifeOf(text: string): bigint {
  return new DataView(sha256(Buffer.from(text)).buffer).getBigUint64(0)
}

function kindOf(kind: MeterKind): RegisterKind {
  return kind === 'counter' ? RegisterKind.COUNTER : RegisterKind.INTEGRAL
}

function isInRange(value: bigint): boolean {
  return value >= 0n && value <= REGISTER_MAX
}

/** A resource, which has no blanks, with its attributes; each text after its length. */
function describe(resource: string, attributes: Attributes): string {
  const parts = [resource]
  for (const name of Object.keys(attributes).toSorted()) {
    const value = attributes[name]!
    parts.push(` ${name.length}:`, name, `${value.length}:`, value)
  }
  // Joined it lies in one piece; added up, it would keep all of its parts.
  return parts.join('')
}
