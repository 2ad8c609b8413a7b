import type { Welcome } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Fault } from '@vouch/proto/kernel/fault.ts'
import { welcomeBytes } from '@vouch/proto/seal/handshake.ts'
import { TAGS, verify } from '@vouch/proto/seal/seal.ts'

/** What the collector's signature in a welcome has to be of. */
export interface WelcomeScope {
  readonly agentNonce: Uint8Array
  readonly collectorNonce: Uint8Array
  readonly agentId: Uint8Array
  readonly runId: Uint8Array
  /** The key pinned at enrolment. */
  readonly collectorPublicKey: Uint8Array
  /** Whether a welcome without signature will do, as of a collector from before there was any. */
  readonly isOptional: boolean
}

/** Why whoever welcomes this agent is not its collector; undefined where it is. Fault: SIGNATURE_INVALID. */
export function judgeWelcome({ signature }: Welcome, scope: WelcomeScope): Fault | undefined {
  if (signature.length === 0 && scope.isOptional) return undefined
  const { agentNonce, collectorNonce, agentId, runId, collectorPublicKey } = scope
  const statement = welcomeBytes(agentNonce, collectorNonce, agentId, runId)
  if (verify(TAGS.welcome, statement, signature, collectorPublicKey)) return undefined
  return fail(
    'SIGNATURE_INVALID',
    'the welcome is not signed by the collector that this agent is enrolled with',
  ).fault
}
