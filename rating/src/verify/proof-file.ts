import { type DescMessage, type JsonValue, fromJson } from '@bufbuild/protobuf'
import { type Proof, ProofSchema } from '@vouch/proto/gen/vouch/proof/v1/proof_pb.ts'
import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { PROOF_FORMAT, proofText } from '@vouch/proto/seal/proof.ts'
import { brokenPlace, placeOf } from './json-place.ts'
import { mismatch, same } from './mismatch.ts'

/** Reads a proof from its only spelling. Faults: PROOF_MALFORMED, PROOF_MISMATCH. */
export function readProof(text: string): Proof {
  const json = readJson(text)
  let proof: Proof
  try {
    proof = fromJson(ProofSchema, json)
  } catch (error) {
    const path = malformedPath(ProofSchema, json, '')
    const message = error instanceof Error ? error.message : String(error)
    return throwFault('PROOF_MALFORMED', `${path === '' ? 'the proof' : path}: ${message}`, { pointer: path })
  }
  const canonical = proofText(proof)
  if (canonical !== text) {
    const path = differingPath(json, JSON.parse(canonical) as JsonValue, '')
    if (path !== undefined) mismatch(path, 'is not written in the one spelling that a proof has')
    mismatch(
      placeOf(text, firstDifference(text, canonical)),
      'is not written in the one spelling that a proof has',
    )
  }
  same('format', proof.format, PROOF_FORMAT)
  return proof
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
