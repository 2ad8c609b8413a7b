import { randomBytes } from 'node:crypto'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import { createFleet } from '@vouch/collector/postgres/fleet.ts'
import { openPool } from '@vouch/collector/postgres/pool.ts'
import {
  EnrolRequestSchema,
  EnrolResponseSchema,
  EnrolmentService,
} from '@vouch/proto/gen/vouch/enrolment/v1/enrolment_pb.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { enrolBytes } from '@vouch/proto/seal/handshake.ts'
import { TAGS, generateKeys, signerOf } from '@vouch/proto/seal/seal.ts'
import type { Identity } from './agent.ts'
import type { Dialler } from './http2-client.ts'

const ENROL = `/${EnrolmentService.typeName}/${EnrolmentService.method.enrol.name}`
const AT_ONCE = 8
/** A collector takes only so many bytes from a socket that no agent vouches for. */
const PER_CONNECTION = 200
const TOKEN_TTL_MS = 3_600_000
const SILENT = { debug: ignore, info: ignore, warn: ignore, error: ignore }

/** Issues so many single-use tokens, as `vouch-collector token create` does. Throws a FaultError: STORE_…. */
export async function issueTokens(databaseUrl: string, count: number): Promise<string[]> {
  const pool = openPool(databaseUrl, SILENT)
  try {
    const fleet = createFleet(pool)
    return await spread(count, async () => unwrap(await fleet.createToken({ ttlMs: TOKEN_TTL_MS })))
  } finally {
    await pool.end()
  }
}

/** Enrols one agent with each token, under names that no other run has. Throws a FaultError. */
export async function enrolAgents(dialler: Dialler, tokens: readonly string[]): Promise<Identity[]> {
  const run = randomBytes(6).toString('hex')
  const identities: Identity[] = []
  for (let from = 0; from < tokens.length; from += PER_CONNECTION)
    identities.push(...(await enrolOn(dialler, tokens.slice(from, from + PER_CONNECTION), run, from)))
  return identities
}

async function enrolOn(
  dialler: Dialler,
  tokens: readonly string[],
  run: string,
  from: number,
): Promise<Identity[]> {
  const client = dialler.unary()
  try {
    return await spread(tokens.length, async (nth) => {
      const index = from + nth
      const token = tokens[nth] ?? ''
      const signer = signerOf(generateKeys().privateKey)
      const { publicKey } = signer
      const resource = `host:${run}${index.toString(16).padStart(4, '0')}`
      const request = create(EnrolRequestSchema, {
        token,
        publicKey,
        signature: signer.sign(TAGS.enrol, enrolBytes(token, publicKey)),
        label: `bench ${index}`,
        resource,
        agentVersion: 'bench',
      })
      const answer = await client.call(ENROL, toBinary(EnrolRequestSchema, request))
      const { agentId, collectorPublicKey } = fromBinary(EnrolResponseSchema, answer)
      return {
        agentId: new Uint8Array(agentId),
        signer,
        collectorKey: new Uint8Array(collectorPublicKey),
        resource,
      }
    })
  } finally {
    client.close()
  }
}

/** Does `work` for 0 to count − 1, a few at a time; results in order. */
async function spread<T>(count: number, work: (index: number) => Promise<T>): Promise<T[]> {
  const results = new Map<number, T>()
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next++
      results.set(index, await work(index))
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
  return Array.from({ length: count }, (_, index) => results.get(index) as T)
}

function ignore(): void {}
