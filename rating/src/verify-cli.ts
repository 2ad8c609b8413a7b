import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { toHex } from '@vouch/proto/kernel/bytes.ts'
import { FaultError, type Result, fail, ok, throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { parseJson } from '@vouch/proto/kernel/json.ts'
import manifest from '../package.json' with { type: 'json' }
import { TRAIL_FORMAT } from '@vouch/proto/seal/trail.ts'
import { textReport } from './verify/report.ts'
import { trailReport } from './verify/trail-report.ts'
import { type VerifiedTrail, verifyTrail } from './verify/trail.ts'
import { type Trust, type Verified, verifyProof } from './verify/verify.ts'

const HELP = `vouch-verify: check the proof of an invoice, or the trail of readings, offline

  vouch-verify PROOF.json [--keys KEYS.json] [--issuer HEX] [--json]
  vouch-verify TRAIL.json [--keys KEYS.json] [--collector HEX]... [--json]

  --keys FILE      public keys of the agents you trust: a JSON list of 64 hexadecimal digits each
  --issuer HEX     public key that must have sealed the proof
  --collector HEX  public key of the collector, for receipts, roots of days and the seal of a trail;
                   more than one where it was replaced
  --json           one JSON object instead of the table

Exit code 0: everything fits. 1: it does not, and the item is named. 2: wrong usage.
`
const KEY = /^[0-9a-f]{64}$/

/** Where the program writes. */
interface Streams {
  readonly stdout: { write(text: string): unknown }
  readonly stderr: { write(text: string): unknown }
}

/** Runs vouch-verify; gives the exit code. */
export async function runVerify(args: readonly string[], { stdout, stderr }: Streams): Promise<number> {
  try {
    const asked = readArguments(args)
    if (asked === 'help' || asked === 'version') {
      stdout.write(asked === 'help' ? HELP : `vouch-verify ${manifest.version}\n`)
      return 0
    }
    const bytes = await readBytes(asked.file)
    const trust: Trust = {
      keys: asked.keys === undefined ? undefined : await readKeys(asked.keys),
      issuer: asked.issuer,
      collectors: asked.collectors.length === 0 ? undefined : new Set(asked.collectors),
    }
    const result = check(decode(bytes), asked, trust)
    if (result.ok) {
      stdout.write(result.value)
      return 0
    }
    const { code, message, pointer } = result.fault
    if (asked.json)
      stdout.write(`${JSON.stringify({ verified: false, code, item: pointer ?? null, message })}\n`)
    stderr.write(`NOT VERIFIED: ${message}\n`)
    return 1
  } catch (error) {
    if (!(error instanceof FaultError)) throw error
    stderr.write(`vouch-verify: ${error.fault.message}\n`)
    return 2
  }
}

/** Checks a document of either kind; gives what is to be printed. */
function check(
  text: string | undefined,
  { json, issuer, collectors }: Arguments,
  trust: Trust,
): Result<string> {
  if (text === undefined) return fail('PROOF_MALFORMED', 'the file is not UTF-8 text')
  const trail = isTrail(text)
  if (trail ? issuer !== undefined : collectors.length > 0)
    throwFault(
      'FIELD_INVALID',
      trail ? '--issuer is for a proof; a trail has --collector' : '--collector is for a trail',
    )
  if (trail) {
    const result = verifyTrail(text, trust)
    if (!result.ok) return result
    return ok(json ? `${trailJson(result.value)}\n` : trailReport(result.value, trust))
  }
  const result = verifyProof(text, trust)
  if (!result.ok) return result
  return ok(json ? `${jsonReport(result.value)}\n` : textReport(result.value, trust))
}

/** A trail names its format first; whatever else is a proof, or nothing. */
function isTrail(text: string): boolean {
  return text.startsWith(`{\n  "format": "${TRAIL_FORMAT}"`)
}

interface Arguments {
  readonly file: string
  readonly keys: string | undefined
  readonly issuer: string | undefined
  readonly collectors: readonly string[]
  readonly json: boolean
}

function readArguments(args: readonly string[]): Arguments | 'help' | 'version' {
  const text = { type: 'string' } as const
  const flag = { type: 'boolean' } as const
  const options = {
    help: flag,
    version: flag,
    json: flag,
    keys: text,
    issuer: text,
    collector: { ...text, multiple: true },
  } as const
  let parsed
  try {
    parsed = parseArgs({ args: [...args], allowPositionals: true, options })
  } catch (error) {
    return throwFault('FIELD_UNKNOWN', error instanceof Error ? error.message : String(error))
  }
  const { values, positionals } = parsed
  if (values.help === true) return 'help'
  if (values.version === true) return 'version'
  const [file] = positionals
  if (file === undefined || positionals.length > 1)
    return throwFault('FIELD_MISSING', 'name one proof; see --help')
  if (values.issuer !== undefined && !KEY.test(values.issuer)) {
    return throwFault('FIELD_INVALID', '--issuer takes 64 lower-case hexadecimal digits')
  }
  const collectors = values.collector ?? []
  if (!collectors.every((key) => KEY.test(key)))
    return throwFault('FIELD_INVALID', '--collector takes 64 lower-case hexadecimal digits')
  return { file, keys: values.keys, issuer: values.issuer, collectors, json: values.json ?? false }
}

async function readBytes(file: string): Promise<Uint8Array> {
  try {
    return await readFile(file)
  } catch (error) {
    return throwFault(
      'NOT_FOUND',
      `cannot read ${file}: ${error instanceof Error ? error.message : String(error)}`,
    )
  }
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return undefined
  }
}

async function readKeys(file: string): Promise<ReadonlySet<string>> {
  const list = unwrap(parseJson(decode(await readBytes(file)) ?? ''))
  const keys = Array.isArray(list) ? list.map(String) : []
  if (keys.length > 0 && keys.every((key) => KEY.test(key))) return new Set(keys)
  return throwFault(
    'FIELD_INVALID',
    `${file} is not a JSON list of keys, 64 lower-case hexadecimal digits each`,
  )
}

function jsonReport({ proof, chain }: Verified): string {
  const { number, currency, total, lines } = proof.invoice!
  const keys = proof.keys.map(({ agentId, publicKey }) => ({
    agentId: toHex(agentId),
    publicKey: toHex(publicKey),
  }))
  const invoice = { number, currency, total, lines: lines.length }
  return JSON.stringify({
    verified: true,
    invoice,
    agents: keys,
    chain,
    issuer: toHex(proof.seal!.publicKey),
  })
}

function trailJson({ trail, batches, chain, receipts, days }: VerifiedTrail): string {
  const [stream] = trail.streams
  return JSON.stringify({
    verified: true,
    resource: stream!.resource,
    meter: stream!.meter,
    readings: trail.readings.length,
    batches: batches.size,
    receipts: receipts.size,
    underRoots: days.dayOf.size,
    roots: Object.fromEntries(days.roots),
    chain,
    collectors: trail.collectorKeys.map(({ publicKey }) => toHex(publicKey)),
  })
}
