import { RegisterKind } from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { parseResourceId } from '@vouch/proto/kernel/id.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { parseMeter } from '@vouch/proto/kernel/meter.ts'
import { streamId } from '@vouch/proto/seal/stream.ts'
import type { Sample } from '../ports.ts'
import type { StreamReading } from './batch-builder.ts'
import type { Moment } from './moment.ts'
import { REGISTER_MAX, readCounter, readIntegral } from './register.ts'
import type { RegisterState, Step } from './register.ts'

/** A stream as the agent declares it. */
export interface StreamDeclaration {
  /** 16 bytes. */
  readonly id: Uint8Array
  readonly resource: string
  readonly meter: string
  readonly unit: string
  readonly kind: RegisterKind
  readonly attributes: Readonly<Record<string, string>>
}

/** A stream's register, to be kept with the batch that carries it. */
export interface StreamState {
  readonly id: Uint8Array
  readonly state: RegisterState
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
  readonly readings: readonly StreamReading[]
  /** Streams seen for the first time, or with other attributes. */
  readonly declared: readonly StreamDeclaration[]
  /** Samples that break the rules, one fault each. */
  readonly faults: readonly Fault[]
  /** Ids of the streams read. */
  readonly seen: readonly Uint8Array[]
}

const OCTETS_PER_MIB = 1024n * 1024n
const MS_PER_S = 1000n
const THOUSANDTHS = 1000n

/** Level × milliseconds that make one unit of an integral's register. */
export function divisorOf(unit: string): bigint {
  if (unit === 'MiB-second') return OCTETS_PER_MIB * MS_PER_S
  return unit === 'ms' ? THOUSANDTHS : THOUSANDTHS * MS_PER_S
}

/** All registers of an agent: turns samples into readings. */
export class MeterBook {
  readonly #origin: Origin
  readonly #registers = new Map<string, RegisterState>()
  readonly #declarations = new Map<string, StreamDeclaration>()

  constructor(origin: Origin, kept: readonly StreamState[]) {
    this.#origin = origin
    for (const { id, state } of kept) this.#registers.set(id.toHex(), state)
  }

  /** Reads every sample at one moment. A stream sampled twice counts once: the first. */
  observe(samples: readonly Sample[], moment: Moment): Observation {
    const readings: StreamReading[] = []
    const declared: StreamDeclaration[] = []
    const faults: Fault[] = []
    const seen = new Map<string, Uint8Array>()
    for (const sample of samples) {
      const declaration = this.#declare(sample)
      if (!declaration.ok) {
        faults.push(declaration.fault)
        continue
      }
      const { id } = declaration.value.stream
      const key = id.toHex()
      if (seen.has(key)) continue
      seen.set(key, id)
      if (declaration.value.isNew) declared.push(declaration.value.stream)
      const step = this.#read(declaration.value.stream, this.#registers.get(key), sample, moment)
      this.#registers.set(key, step.state)
      readings.push(...step.readings.map((reading) => ({ ...reading, streamId: id })))
    }
    return { readings, declared, faults, seen: [...seen.values()] }
  }

  /** The registers of the given streams as last read. */
  states(ids: Iterable<Uint8Array>): StreamState[] {
    const distinct = new Map([...ids].map((id) => [id.toHex(), id]))
    return [...distinct].flatMap(([key, id]) => {
      const state = this.#registers.get(key)
      return state === undefined ? [] : [{ id, state }]
    })
  }

  /** Drops streams that are over; under the same name they would begin anew. */
  forget(ids: readonly Uint8Array[]): void {
    if (ids.length === 0) return
    const keys = new Set(ids.map((id) => id.toHex()))
    for (const key of keys) this.#registers.delete(key)
    for (const [name, { id }] of this.#declarations) if (keys.has(id.toHex())) this.#declarations.delete(name)
  }

  #declare(sample: Sample): Result<{ readonly stream: StreamDeclaration; readonly isNew: boolean }> {
    const name = `${sample.meter} ${sample.resource}`
    if (sample.value < 0n || sample.value > REGISTER_MAX)
      return fail('OUT_OF_RANGE', `${name} reads ${sample.value}, which is no unsigned 64-bit number`)
    const attributes = sample.attributes ?? {}
    const known = this.#declarations.get(name)
    if (known !== undefined && sameAttributes(known.attributes, attributes)) {
      return ok({ stream: known, isNew: false })
    }
    const resource = parseResourceId(sample.resource)
    if (!resource.ok) return resource
    const meter = parseMeter(sample.meter, sample.unit, sample.kind)
    if (!meter.ok) return meter
    const kind = meter.value.kind === 'counter' ? RegisterKind.COUNTER : RegisterKind.INTEGRAL
    const identity = { resource: sample.resource, meter: sample.meter, unit: meter.value.unit, kind }
    const stream = { id: streamId(this.#origin.agentId, identity), ...identity, attributes }
    this.#declarations.set(name, stream)
    return ok({ stream, isNew: true })
  }

  #read(stream: StreamDeclaration, last: RegisterState | undefined, sample: Sample, moment: Moment): Step {
    if (stream.kind === RegisterKind.INTEGRAL) {
      const life = this.#origin.runId.toHex()
      return readIntegral(last, sample.value, divisorOf(stream.unit), life, moment)
    }
    const boot = sample.outlivesBoots === true ? 'disk' : this.#origin.bootId.toHex()
    const life = `${boot} ${sample.life ?? ''}`
    return readCounter(last, sample.value, life, moment)
  }
}

function sameAttributes(a: Readonly<Record<string, string>>, b: Readonly<Record<string, string>>): boolean {
  const keys = Object.keys(a)
  return keys.length === Object.keys(b).length && keys.every((key) => a[key] === b[key])
}
