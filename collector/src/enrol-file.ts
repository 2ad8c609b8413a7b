import { readFile, writeFile } from 'node:fs/promises'
import type { ClickHouseClient } from '@clickhouse/client'
import { ok, throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import { enrolmentAnswerText, readEnrolmentRequest } from '@vouch/proto/seal/enrolment-file.ts'
import { keyId } from '@vouch/proto/seal/seal.ts'
import type { Pool } from 'pg'
import type { OperatorCommand } from './cli.ts'
import { storeFault } from './clickhouse/fault.ts'
import { embeddedInserter, serverInserter } from './clickhouse/insert.ts'
import { migrateClickHouse } from './clickhouse/migrate.ts'
import { topologyOf } from './clickhouse/topology.ts'
import { SYSTEM_CLOCK } from './clock.ts'
import type { CollectorConfig } from './config.ts'
import { checkClaim } from './fleet/claim.ts'
import type { KeyWitness } from './fleet/ports.ts'
import { keysBlock } from './ingest/blocks.ts'
import { collectorSigner, createFleet } from './postgres/fleet.ts'

/** What an enrolment by files works with. */
export interface EnrolFileParts {
  readonly client: ClickHouseClient
  readonly pool: Pool
  readonly config: CollectorConfig
}

/**
 * Enrols an agent that cannot dial, by the request that an operator brings, and writes the answer for it; again for the
 * same request it is the same agent. Returns what to print. Throws a FaultError.
 */
export async function enrolFile(
  {
    request: requestFile,
    answer: answerFile,
    group,
  }: Extract<OperatorCommand, { name: 'agents enrol-file' }>,
  { client, pool, config }: EnrolFileParts,
): Promise<string> {
  const request = unwrap(readEnrolmentRequest(await textOf(requestFile)))
  unwrap(checkClaim(request))
  const signer = unwrap(await collectorSigner(pool))
  unwrap(await migrateClickHouse(client, config.clickhouseDatabase, topologyOf(config)))
  const { publicKey, label, resource, agentVersion } = request
  const witness = witnessOf(client, config, publicKey)
  const input = { publicKey, label, resource, agentVersion, group }
  const { agentId, others } = unwrap(await createFleet(pool).admit(input, witness))
  try {
    await writeFile(answerFile, enrolmentAnswerText(agentId, publicKey, signer), { flag: 'wx' })
  } catch (error) {
    throwFault('FIELD_INVALID', `${answerFile} cannot be written: ${messageOf(error)}`)
  }
  const agent = Buffer.from(agentId).toString('hex')
  const shared =
    others.length === 0 ? '' : `beside it ${others.join(', ')} meter ${resource}, which is billed twice\n`
  const key = signer.publicKey.toHex()
  return `agent ${agent} is enrolled for ${resource} (${label}); ${answerFile} names the collector's key ${key}\n${shared}`
}

/** Evidence needs the key for ever, so it is archived before the registration can count. */
function witnessOf(client: ClickHouseClient, config: CollectorConfig, publicKey: Uint8Array): KeyWitness {
  const { clickhouseDatabase: database, clickhouseUrl } = config
  return async (agentId) => {
    const inserter =
      clickhouseUrl === undefined
        ? await embeddedInserter(client, database)
        : serverInserter(client, database, topologyOf(config))
    try {
      const registeredMs = SYSTEM_CLOCK.now()
      await inserter.insert(keysBlock([{ agentId, keyId: keyId(publicKey), publicKey, registeredMs }]))
      return ok(undefined)
    } catch (error) {
      return storeFault(error)
    } finally {
      await inserter.close()
    }
  }
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    return throwFault('FIELD_INVALID', `${file} cannot be read: ${messageOf(error)}`)
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
