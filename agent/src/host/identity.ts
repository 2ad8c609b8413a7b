import { mkdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fromHex } from '@vouch/proto/kernel/bytes.ts'
import { fail, ok, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { canonicalJson, isJsonObject, parseJson } from '@vouch/proto/kernel/json.ts'
import { generateKeys, publicKeyOf, signerOf } from '@vouch/proto/seal/seal.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import { readIfPresent, writeSecret } from './secret-file.ts'

/** Who this agent is to its collector, as given at enrolment. */
export interface Identity {
  /** 16 bytes. */
  readonly agentId: Uint8Array
  /** 32 bytes: signs the receipts that the agent believes. */
  readonly collectorPublicKey: Uint8Array
}

/** The agent's name and keys on this host. The private key never leaves it. */
export interface IdentityStore {
  /** The identity; undefined before enrolment. Faults: CONFIG_INVALID where the file is damaged. */
  identity(): Result<Identity | undefined>
  keep(identity: Identity): void
  /** Signs with the key in force, made at first use. Faults: KEY_UNKNOWN where the key file is damaged. */
  signer(): Result<Signer>
  /** When the key in force was put there, epoch milliseconds. Throws where there is none. */
  keyMadeMs(): number
  /** The key that is to follow the one in force, made at first use; kept until it is promoted. */
  nextSigner(): Signer
  /** The key that is to follow, where it is made. */
  following(): Signer | undefined
  /** Makes the following key the one in force; false where there is none. */
  promote(): boolean
}

const SEED_BYTES = 32

/** Keeps the identity in the state directory, made with access for its owner only. Faults: DATA_DIRECTORY_UNWRITABLE. */
export function openIdentity(stateDir: string): Result<IdentityStore> {
  const [identityFile, keyFile, nextFile] = ['agent.json', 'agent.key', 'agent-next.key'].map((name) =>
    join(stateDir, name),
  ) as [string, string, string]
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o700 })
    writeSecret(join(stateDir, '.writable'), new Uint8Array())
    rmSync(join(stateDir, '.writable'))
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return fail(
      'DATA_DIRECTORY_UNWRITABLE',
      `${stateDir} cannot be written (${why}); set VOUCH_AGENT_STATE_DIR`,
    )
  }
  return ok({
    identity: () => readIdentity(identityFile),
    keep: ({ agentId, collectorPublicKey }) => {
      const fields = { agent_id: agentId.toHex(), collector_public_key: collectorPublicKey.toHex() }
      writeSecret(identityFile, new TextEncoder().encode(`${canonicalJson(fields)}\n`))
    },
    signer: () => {
      const seed = readIfPresent(keyFile) ?? createKey(keyFile)
      if (seed.length === SEED_BYTES) return ok(signerOf(seed))
      return fail('KEY_UNKNOWN', `${keyFile} is not a key of 32 bytes; restore it or enrol again without it`)
    },
    keyMadeMs: () => statSync(keyFile).mtimeMs,
    nextSigner: () => signerOf(readIfPresent(nextFile) ?? createKey(nextFile)),
    following: () => {
      const seed = readIfPresent(nextFile)
      return seed === undefined ? undefined : signerOf(seed)
    },
    promote: () => {
      const seed = readIfPresent(nextFile)
      if (seed === undefined) return false
      writeSecret(keyFile, seed)
      rmSync(nextFile)
      return true
    },
  })
}

/** The public key in force, made by nobody: to look at a state directory. Faults: KEY_UNKNOWN. */
export function publicKeyIn(stateDir: string): Result<Uint8Array> {
  const path = join(stateDir, 'agent.key')
  const seed = readIfPresent(path)
  if (seed?.length === SEED_BYTES) return ok(publicKeyOf(seed))
  return fail('KEY_UNKNOWN', `${path} is no key of 32 bytes`)
}

function createKey(path: string): Uint8Array {
  const { privateKey } = generateKeys()
  writeSecret(path, privateKey)
  return privateKey
}

function readIdentity(path: string): Result<Identity | undefined> {
  const bytes = readIfPresent(path)
  if (bytes === undefined) return ok(undefined)
  const json = parseJson(new TextDecoder().decode(bytes))
  const fields = json.ok && isJsonObject(json.value) ? json.value : {}
  const [agentId, collectorPublicKey] = [fields['agent_id'], fields['collector_public_key']].map((field) =>
    typeof field === 'string' && /^(?:[0-9a-f]{32}){1,2}$/.test(field) ? unwrap(fromHex(field)) : undefined,
  )
  if (agentId?.length === 16 && collectorPublicKey?.length === 32) return ok({ agentId, collectorPublicKey })
  return fail('CONFIG_INVALID', `${path} is damaged; restore it, or remove it and enrol again`)
}
