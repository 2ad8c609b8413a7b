import type { IncomingMessage } from 'node:http'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { parseExactJson } from './exact-json.ts'
import type { ExactValue } from './exact-json.ts'

/** The headers of a request, joined and one by one. */
export type HeadersOf = Pick<IncomingMessage, 'headers' | 'headersDistinct'>

/** The events of a request. */
export interface EventsOfRequest {
  readonly events: readonly ExactValue[]
  readonly isBatch: boolean
}

const SINGLE = 'application/cloudevents+json'
const BATCHED = 'application/cloudevents-batch+json'
const PREFIX = 'ce-'
const JSON_TYPE = /^(?:[\w.-]+\/(?:[\w.-]+\+)?json)$/

/**
 * Takes the events out of a request in structured, batched or binary mode.
 * Faults: MEDIA_TYPE_UNSUPPORTED, BODY_MALFORMED, FIELD_INVALID.
 */
export function eventsOf(request: HeadersOf, body: Uint8Array): Result<EventsOfRequest> {
  const { headers } = request
  const [type = '', ...parameters] = (headers['content-type'] ?? '')
    .toLowerCase()
    .split(';')
    .map((part) => part.trim())
  if (
    parameters.some((parameter) => parameter.startsWith('charset=') && !/^charset="?utf-8"?$/.test(parameter))
  )
    return fail('MEDIA_TYPE_UNSUPPORTED', 'events are read in UTF-8 only')
  if ((headers['content-encoding'] ?? 'identity') !== 'identity')
    return fail('MEDIA_TYPE_UNSUPPORTED', 'send the body without a content encoding')
  if (type === SINGLE) {
    const event = parseExactJson(body)
    return event.ok ? ok({ events: [event.value], isBatch: false }) : event
  }
  if (type === BATCHED) {
    const events = parseExactJson(body)
    if (!events.ok) return events
    if (Array.isArray(events.value))
      return ok({ events: events.value as readonly ExactValue[], isBatch: true })
    return fail('BODY_MALFORMED', 'a batch of events is a JSON array', { pointer: '' })
  }
  if (headers['ce-specversion'] !== undefined && !type.startsWith('application/cloudevents'))
    return binaryEvent(request, type, body)
  return fail('MEDIA_TYPE_UNSUPPORTED', `send ${SINGLE}, ${BATCHED}, or the attributes as ce- headers`)
}

/** Attributes in headers, percent-encoded; the body is `data` and read where it is JSON. */
function binaryEvent(request: HeadersOf, type: string, body: Uint8Array): Result<EventsOfRequest> {
  const event: Record<string, ExactValue> = {}
  for (const [header, [value = '', ...more] = []] of Object.entries(request.headersDistinct)) {
    if (!header.startsWith(PREFIX)) continue
    const decoded = more.length === 0 ? decodedHeader(value) : undefined
    if (decoded === undefined)
      return fail('FIELD_INVALID', `${header} must be there once, as percent-encoded UTF-8`, {
        pointer: header,
      })
    const name = header.slice(PREFIX.length)
    // A header cannot stand for the body.
    if (name !== 'data') event[name] = decoded
  }
  if (!JSON_TYPE.test(type) || body.length === 0) return ok({ events: [event], isBatch: false })
  const data = parseExactJson(body)
  if (!data.ok) return data
  return ok({ events: [{ ...event, data: data.value }], isBatch: false })
}

/** Header values are ASCII, all else being percent-encoded, and may stand in quotes. */
function decodedHeader(value: string): string | undefined {
  const quoted = /^"((?:[^"\\]|\\.)*)"$/.exec(value)?.[1]?.replaceAll(/\\(.)/g, '$1')
  try {
    return /^[\t -~]*$/.test(value) ? decodeURIComponent(quoted ?? value) : undefined
  } catch {
    return undefined
  }
}
