import { type DescMessage, type JsonValue, type MessageShape, fromJson } from '@bufbuild/protobuf'
import { type Proof, ProofSchema } from '@vouch/proto/gen/vouch/proof/v1/proof_pb.ts'
import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { documentText } from '@vouch/proto/seal/document.ts'
import { PROOF_FORMAT } from '@vouch/proto/seal/proof.ts'
import { brokenPlace, placeOf } from './json-place.ts'
import { mismatch, same } from './mismatch.ts'

/** A kind of document: its message, the value of its format field, and its only spelling. */
export interface DocumentKind<D extends DescMessage> {
  readonly schema: D
  readonly format: string
  /** What it is called in messages: `proof`. */
  readonly noun: string
}

/** Reads a proof from its only spelling. Faults: PROOF_MALFORMED, PROOF_MISMATCH. */
export function readProof(text: string): Proof {
  return readDocument({ schema: ProofSchema, format: PROOF_FORMAT, noun: 'proof' }, text)
}

/** Reads a document from its only spelling. Faults: PROOF_MALFORMED, PROOF_MISMATCH. */
export function readDocument<D extends DescMessage>(
  { schema, format, noun }: DocumentKind<D>,
  text: string,
): MessageShape<D> {
  const json = readJson(text)
  let message: MessageShape<D>
  try {
    message = fromJson(schema, json)
  } catch (error) {
    const path = malformedPath(schema, json, '')
    const reason = error instanceof Error ? error.message : String(error)
    return throwFault('PROOF_MALFORMED', `${path === '' ? `the ${noun}` : path}: ${reason}`, {
      pointer: path,
    })
  }
  const canonical = documentText(schema, message)
  if (canonical !== text) {
    const path = differingPath(json, JSON.parse(canonical) as JsonValue, '')
    const place = path ?? placeOf(text, firstDifference(text, canonical))
    mismatch(place, `is not written in the one spelling that a ${noun} has`)
  }
  const shown = Object.entries(message).find(([name]) => name === 'format')?.[1]
  same('format', typeof shown === 'string' ? shown : '', format)
  return message
}

function readJson(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    const place = brokenPlace(text)
    return throwFault('PROOF_MALFORMED', `${place}: is not JSON`, { pointer: place })
  }
}

/** Path of the first member that the message does not take. */
function malformedPath(schema: DescMessage, json: JsonValue, path: string): string {
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return path
  for (const [name, value] of Object.entries(json)) {
    const own = path === '' ? name : `${path}.${name}`
    const field = schema.fields.find((candidate) => candidate.jsonName === name || candidate.name === name)
    if (field === undefined || !accepts(schema, name, value)) {
      if (field?.fieldKind === 'message') return malformedPath(field.message, value, own)
      if (field?.fieldKind !== 'list' || field.listKind !== 'message' || !Array.isArray(value)) return own
      const [bad, element] = [...value.entries()].find(([, item]) => !accepts(schema, name, [item])) ?? [
        0,
        null,
      ]
      return malformedPath(field.message, element, `${own}[${bad}]`)
    }
  }
  return path
}

function accepts(schema: DescMessage, name: string, value: JsonValue): boolean {
  try {
    fromJson(schema, { [name]: value })
    return true
  } catch {
    return false
  }
}

/** Path of the first difference between two JSON values; undefined where they are the same. */
function differingPath(a: JsonValue | undefined, b: JsonValue | undefined, path: string): string | undefined {
  if (a === b) return undefined
  const branch = typeof a === 'object' && typeof b === 'object' && a !== null && b !== null
  if (!branch || Array.isArray(a) !== Array.isArray(b)) return path === '' ? 'the proof' : path
  const [left, right] = [new Map(Object.entries(a)), new Map(Object.entries(b))]
  for (const name of new Set([...left.keys(), ...right.keys()])) {
    const step = Array.isArray(a) ? `[${name}]` : path === '' ? name : `.${name}`
    const found = differingPath(left.get(name), right.get(name), path + step)
    if (found !== undefined) return found
  }
  return undefined
}

function firstDifference(a: string, b: string): number {
  let i = 0
  while (i < a.length && a[i] === b[i]) i += 1
  return i
}
