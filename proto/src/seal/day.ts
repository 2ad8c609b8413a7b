import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  DayRootSchema,
  SignedDayRootSchema,
  type DayRoot,
  type SignedDayRoot,
} from '../gen/vouch/audit/v1/audit_pb.ts'
import { fail, ok } from '../kernel/fault.ts'
import type { Result } from '../kernel/fault.ts'
import { formatInstant, parseInstant } from '../kernel/instant.ts'
import { TAGS, sha256, verify } from './seal.ts'
import type { Signer } from './seal.ts'

/** The value of `DayExport.format`. */
export const DAYS_FORMAT = 'vouch.audit.days.v1'

/** Length of a UTC day, milliseconds: it has no leap seconds and no daylight saving time. */
export const DAY_MS = 86_400_000

/** What a day's root says, before it is signed. */
export interface DayFigures {
  /** Start of the UTC day, epoch milliseconds. */
  readonly startMs: number
  readonly batches: number
  /** 32 bytes. */
  readonly root: Uint8Array
  /** 32 bytes; empty for the first day. */
  readonly previousDigest: Uint8Array
}

const DIGEST_BYTES = 32
const DAY_CHARACTERS = 10

/** The start of the UTC day that holds the instant, epoch milliseconds. */
export function dayStart(ms: number): number {
  return Math.floor(ms / DAY_MS) * DAY_MS
}

/** The day as text, `2026-11-24`. */
export function formatDay(ms: number): string {
  return formatInstant(dayStart(ms)).slice(0, DAY_CHARACTERS)
}

/** Reads a day `2026-11-24`; gives its start in epoch milliseconds. Faults: INSTANT_INVALID. */
export function parseDay(text: string): Result<number> {
  const start = parseInstant(`${text}T00:00:00Z`)
  if (start.ok && formatDay(start.value) === text) return start
  return fail('INSTANT_INVALID', `write a UTC day such as 2026-11-24, not ${JSON.stringify(text)}`)
}

/** Signs the root of a day. The same figures and key give the same bytes. */
export function sealDay(figures: DayFigures, signer: Signer): SignedDayRoot {
  const { startMs, batches, root, previousDigest } = figures
  const message = create(DayRootSchema, {
    day: formatDay(startMs),
    batches: BigInt(batches),
    root,
    previousDigest,
  })
  const dayRoot = toBinary(DayRootSchema, message)
  return create(SignedDayRootSchema, {
    dayRoot,
    signature: signer.sign(TAGS.day, dayRoot),
    keyId: signer.keyId,
  })
}

/** A day's digest, which the day after names: SHA-256 of the root's bytes as stored. */
export function dayDigest(dayRoot: Uint8Array): Uint8Array<ArrayBuffer> {
  return sha256(dayRoot)
}

/** Checks signature and shape of a day's root. Faults: SIGNATURE_INVALID, PROOF_MALFORMED. */
export function openDay(
  signed: SignedDayRoot,
  publicKey: Uint8Array,
): Result<DayRoot & { readonly startMs: number }> {
  if (!verify(TAGS.day, signed.dayRoot, signed.signature, publicKey))
    return fail('SIGNATURE_INVALID', "the day's signature is not by the key it names")
  let message: DayRoot
  try {
    message = fromBinary(DayRootSchema, signed.dayRoot)
  } catch {
    return fail('PROOF_MALFORMED', 'the day is not a DayRoot message')
  }
  const start = parseDay(message.day)
  if (!start.ok) return start
  const previous = message.previousDigest.length
  if (message.root.length !== DIGEST_BYTES || (previous !== 0 && previous !== DIGEST_BYTES))
    return fail('PROOF_MALFORMED', 'root and previous_digest have 32 bytes')
  if (message.batches > BigInt(Number.MAX_SAFE_INTEGER))
    return fail('PROOF_MALFORMED', 'a day has fewer batches than 2^53')
  return ok({ ...message, startMs: start.value })
}
