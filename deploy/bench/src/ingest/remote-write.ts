import { ByteWriter } from '@vouch/proto/wire/varint.ts'
import { compress } from 'snappyjs'

/** Prometheus' own bound of samples in a request, `max_samples_per_send`: one Prometheus scrapes many hosts. */
export const SERIES_PER_SEND_MAX = 2_000
const TIME_BYTES = 6
/** Any time that takes six bytes of varint, as those from 1971 to 2109 do. */
const TIME_PLACE = 2n ** 40n

/** A request with labels in place, and where values and times go. */
interface Template {
  readonly bytes: Uint8Array
  readonly valueAt: readonly number[]
  readonly timeAt: readonly number[]
}

/**
 * Remote-write requests as Prometheus sends them: every series with its labels, one sample each.
 * Source: Prometheus Remote-Write 1.0, `prompb.WriteRequest`, snappy block format.
 */
export class WriteRequests {
  readonly #templates: Template[] = []

  /** For so many hosts with so many series each, and at most so many series in a request. */
  constructor(hosts: number, seriesPerHost: number, seriesMax: number) {
    const all = Array.from({ length: hosts * seriesPerHost }, (_, index) =>
      labelsOf(Math.floor(index / seriesPerHost), index % seriesPerHost),
    )
    for (let at = 0; at < all.length; at += seriesMax) {
      this.#templates.push(templateOf(all.slice(at, at + seriesMax)))
    }
  }

  /** The requests of `count` scrapes, the first of which is number `from`, compressed. */
  *scrapes(startMs: number, spacingMs: number, from: number, count: number): Generator<Uint8Array> {
    for (let scrape = 0; scrape < count; scrape++) {
      for (const template of this.#templates) {
        yield compress(filled(template, startMs + scrape * spacingMs, from + scrape))
      }
    }
  }
}

/** Labels in the order of their names, as the protocol asks. */
function labelsOf(host: number, series: number): readonly (readonly [string, string])[] {
  const name = series % 2 === 0 ? 'node_network_receive_bytes_total' : 'node_network_transmit_bytes_total'
  return [
    ['__name__', name],
    ['device', `eth${series >> 1}`],
    ['instance', `host-${host}.example.net:9100`],
    ['job', 'node'],
  ]
}

function templateOf(series: readonly (readonly (readonly [string, string])[])[]): Template {
  const request = new ByteWriter()
  const valueAt: number[] = []
  const timeAt: number[] = []
  for (const labels of series) {
    const entry = new ByteWriter()
    for (const [name, value] of labels) {
      const label = new ByteWriter()
      label.field(1, Buffer.from(name))
      label.field(2, Buffer.from(value))
      entry.field(1, label.finish())
    }
    const sample = new ByteWriter()
    sample.varint((1 << 3) | 1, 0)
    sample.bytes(new Uint8Array(8))
    sample.varint(2 << 3, 0)
    sample.varint64(TIME_PLACE)
    entry.field(2, sample.finish())
    request.field(1, entry.finish())
    timeAt.push(request.length - TIME_BYTES)
    valueAt.push(request.length - TIME_BYTES - 1 - 8)
  }
  return { bytes: request.finish(), valueAt, timeAt }
}

/** Counters that grow unevenly, as those of the signed load do. */
function filled({ bytes, valueAt, timeAt }: Template, timeMs: number, scrape: number): Uint8Array {
  const view = new DataView(bytes.buffer)
  const time = new ByteWriter()
  time.varint64(BigInt(timeMs))
  const timeBytes = time.finish()
  valueAt.forEach((at, index) => {
    const grown = scrape * 500_000 + ((index * 7919 + scrape * 104_729) % 500_000)
    view.setFloat64(at, 2 ** 30 + index * 1_000_000 + grown, true)
    bytes.set(timeBytes, timeAt[index])
  })
  return bytes
}
