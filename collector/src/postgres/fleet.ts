import { randomBytes } from 'node:crypto'
import { FaultError, fail, ok, throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { generateKeys, keyId, publicKeyOf, sha256, signerOf } from '@vouch/proto/seal/seal.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import type { Pool, PoolClient } from 'pg'
import { coalesce } from '../coalesce.ts'
import { barredFault } from '../fleet/barred.ts'
import type { AgentState, Enrolled, EnrolmentInput, Fleet, KeyWitness } from '../fleet/ports.ts'
import { guarded, transaction } from './guarded.ts'
import { listAgents, readAgents } from './agents.ts'
import { listPolicies, moveAgent, setPolicy } from './policies.ts'
import { countAgents, watchSilence, writeReport } from './status.ts'

const TOKEN_BYTES = 24
const ID_BYTES = 16
/** Agents read in one query. */
const AGENTS_MAX = 1_000
/** Other agents of a resource that are named at an enrolment. */
const OTHERS_MAX = 10

/** The fleet registry on PostgreSQL. */
export function createFleet(pool: Pool): Fleet {
  const agents = coalesce((ids: readonly Uint8Array[]) => guarded(() => readAgents(pool, ids)), AGENTS_MAX)
  return {
    createToken: ({ ttlMs, label = '', group = 'default' }) =>
      guarded(async () => {
        const token = `vouch_${randomBytes(TOKEN_BYTES).toString('base64url')}`
        await pool.query(
          `INSERT INTO fleet.enrolment_tokens (token_hash, label, agent_group, expires_at)
           VALUES ($1, $2, $4, now() + $3 * interval '1 millisecond')`,
          [hashOf(token), label, ttlMs, group],
        )
        return token
      }),
    enrol: (input, witness) => transaction(pool, (client) => enrol(client, input, witness)),
    admit: (input, witness) => transaction(pool, (client) => admit(client, input, witness)),
    rotate: (agentId, keys, witness) => transaction(pool, (client) => rotate(client, agentId, keys, witness)),
    agent: async (agentId) => {
      const read = await agents([agentId])
      if (!read.ok) return read
      const [agent] = read.value
      return agent === undefined
        ? fail('AGENT_UNKNOWN', 'no agent with this id is enrolled here; enrol the host')
        : ok(agent)
    },
    report: (report) => guarded(() => writeReport(pool, report)),
    silence: (afterMs) => guarded(() => watchSilence(pool, afterMs)),
    totals: () => guarded(() => countAgents(pool)),
    bar: (agentId, state, reason) =>
      guarded(async () => {
        const { rowCount } = await pool.query(
          'UPDATE fleet.agents SET state = $2, reason = $3, barred_at = COALESCE(barred_at, now()) WHERE agent_id = $1',
          [Buffer.from(agentId), state, reason],
        )
        if (rowCount === 0) throwFault('AGENT_UNKNOWN', `no agent ${agentId.toHex()} is enrolled here`)
      }),
    decommission: (agentId, lastDigest) => guarded(() => decommission(pool, agentId, lastDigest)),
    setPolicy: (input) => transaction(pool, (client) => setPolicy(client, input)),
    move: (agentId, group, by) => transaction(pool, (client) => moveAgent(client, agentId, group, by)),
    policies: (all, limit) => guarded(() => listPolicies(pool, all, limit)),
    list: (limit, filter) => guarded(() => listAgents(pool, limit, filter)),
  }
}

/** The key that signs receipts and policies: made at the first start, shared by all collectors. */
export async function collectorSigner(pool: Pool): Promise<Result<Signer>> {
  return guarded(async () => {
    const { privateKey, publicKey } = generateKeys()
    await pool.query(
      'INSERT INTO fleet.collector_keys (key_id, seed) VALUES ($1, $2) ON CONFLICT DO NOTHING',
      [Buffer.from(keyId(publicKey)), Buffer.from(privateKey)],
    )
    const { rows } = await pool.query<{ seed: Buffer }>(
      'SELECT seed FROM fleet.collector_keys WHERE retired_at IS NULL',
    )
    return signerOf(rows[0]!.seed)
  })
}

/** Public keys of the collector by key id in hexadecimal, retired ones too. */
export async function collectorKeys(
  pool: Pool,
): Promise<Result<ReadonlyMap<string, Uint8Array<ArrayBuffer>>>> {
  return guarded(async () => {
    const { rows } = await pool.query<{ seed: Buffer }>('SELECT seed FROM fleet.collector_keys')
    return new Map(
      rows.map(({ seed }) => {
        const publicKey = publicKeyOf(seed)
        return [keyId(publicKey).toHex(), publicKey]
      }),
    )
  })
}

async function enrol(client: PoolClient, input: EnrolmentInput, witness: KeyWitness): Promise<Enrolled> {
  const agentId = await spend(client, input, witness)
  return { agentId, others: await othersFor(client, input.resource, agentId) }
}

async function admit(
  client: PoolClient,
  input: Omit<EnrolmentInput, 'token'> & { readonly group: string },
  witness: KeyWitness,
): Promise<Enrolled> {
  const { publicKey, resource, group } = input
  const { rows } = await client.query<{ agent_id: Buffer; resource: string; state: AgentState }>(
    'SELECT agent_id, resource, state FROM fleet.agent_keys JOIN fleet.agents USING (agent_id) WHERE public_key = $1',
    [Buffer.from(publicKey)],
  )
  const [known] = rows
  if (known !== undefined && known.resource !== resource)
    throwFault('ALREADY_EXISTS', `the key is enrolled for ${known.resource}`)
  if (known !== undefined && known.state !== 'active') throw new FaultError(barredFault(known.state))
  const agentId = known?.agent_id ?? (await register(client, input, group, witness))
  return { agentId, others: await othersFor(client, resource, agentId) }
}

async function othersFor(client: PoolClient, resource: string, agentId: Uint8Array): Promise<string[]> {
  const { rows } = await client.query<{ agent_id: Buffer }>(
    `SELECT agent_id FROM fleet.agents WHERE resource = $1 AND state = 'active' AND agent_id <> $2
     ORDER BY enrolled_at LIMIT ${OTHERS_MAX}`,
    [resource, Buffer.from(agentId)],
  )
  return rows.map(({ agent_id }) => agent_id.toString('hex'))
}

async function spend(client: PoolClient, input: EnrolmentInput, witness: KeyWitness): Promise<Uint8Array> {
  const { rows } = await client.query<{ spent_by: Buffer | null; expired: boolean; agent_group: string }>(
    'SELECT spent_by, agent_group, expires_at <= now() AS expired FROM fleet.enrolment_tokens WHERE token_hash = $1 FOR UPDATE',
    [hashOf(input.token)],
  )
  const token = rows[0]
  if (token === undefined)
    return throwFault('TOKEN_UNKNOWN', 'this enrolment token was never issued here; copy it again')
  if (token.spent_by !== null) return enrolledBefore(client, token.spent_by, input)
  if (token.expired) return throwFault('TOKEN_EXPIRED', 'this enrolment token has expired; issue a new one')
  const agentId = await register(client, input, token.agent_group, witness)
  await client.query(
    'UPDATE fleet.enrolment_tokens SET spent_at = now(), spent_by = $2 WHERE token_hash = $1',
    [hashOf(input.token), agentId],
  )
  return agentId
}

async function register(
  client: PoolClient,
  { publicKey, label, resource, agentVersion }: Omit<EnrolmentInput, 'token'>,
  group: string,
  witness: KeyWitness,
): Promise<Buffer> {
  const agentId = randomBytes(ID_BYTES)
  await client.query(
    'INSERT INTO fleet.agents (agent_id, label, resource, agent_version, agent_group) VALUES ($1, $2, $3, $4, $5)',
    [agentId, label, resource, agentVersion, group],
  )
  await addKey(client, agentId, publicKey)
  unwrap(await witness(agentId))
  return agentId
}

/** The same key with the same token asks again because it never saw the answer. */
async function enrolledBefore(
  client: PoolClient,
  agentId: Buffer,
  input: EnrolmentInput,
): Promise<Uint8Array> {
  const { rows } = await client.query(
    'SELECT 1 FROM fleet.agent_keys WHERE agent_id = $1 AND public_key = $2',
    [agentId, Buffer.from(input.publicKey)],
  )
  if (rows.length === 0)
    throwFault('TOKEN_SPENT', 'this enrolment token has enrolled another agent; issue a new one')
  return agentId
}

async function rotate(
  client: PoolClient,
  agentId: Uint8Array,
  keys: { readonly current: Uint8Array; readonly next: Uint8Array },
  witness: KeyWitness,
): Promise<number> {
  const { rows } = await client.query<{ at_ms: string }>(
    `UPDATE fleet.agent_keys SET retired_at = now() WHERE agent_id = $1 AND public_key = $2 AND retired_at IS NULL
     RETURNING floor(extract(epoch FROM retired_at) * 1000)::bigint AS at_ms`,
    [Buffer.from(agentId), Buffer.from(keys.current)],
  )
  const retired = rows[0]
  if (retired === undefined)
    return throwFault('KEY_RETIRED', 'the key that asks for its rotation is not in force')
  await addKey(client, agentId, keys.next)
  unwrap(await witness(agentId))
  return Number(retired.at_ms)
}

async function decommission(pool: Pool, agentId: Uint8Array, lastDigest: Uint8Array): Promise<number> {
  const { rows } = await pool.query<{ at_ms: string }>(
    `UPDATE fleet.agents SET state = 'decommissioned', reason = 'by its host after its last batch',
       barred_at = COALESCE(barred_at, now()), last_digest = COALESCE(last_digest, $2)
     WHERE agent_id = $1 AND state IN ('active', 'decommissioned')
     RETURNING floor(extract(epoch FROM barred_at) * 1000)::bigint AS at_ms`,
    [Buffer.from(agentId), Buffer.from(lastDigest)],
  )
  const [row] = rows
  if (row === undefined)
    return throwFault('AGENT_UNKNOWN', `no active agent ${agentId.toHex()} is enrolled here`)
  return Number(row.at_ms)
}

async function addKey(client: PoolClient, agentId: Uint8Array, publicKey: Uint8Array): Promise<void> {
  await client.query('INSERT INTO fleet.agent_keys (key_id, agent_id, public_key) VALUES ($1, $2, $3)', [
    Buffer.from(keyId(publicKey)),
    Buffer.from(agentId),
    Buffer.from(publicKey),
  ])
}

function hashOf(token: string): Buffer {
  return Buffer.from(sha256(Buffer.from(token)))
}
