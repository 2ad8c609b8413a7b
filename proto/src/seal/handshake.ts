import { concat } from '../kernel/bytes.ts'

/** What an agent signs, under the tag `hello`, to answer a challenge. */
export function helloBytes(nonce: Uint8Array, agentId: Uint8Array, runId: Uint8Array): Uint8Array {
  return concat([nonce, agentId, runId])
}

/** What a collector signs, under the tag `welcome`, to show that it is the one the agent enrolled with. */
export function welcomeBytes(
  agentNonce: Uint8Array,
  collectorNonce: Uint8Array,
  agentId: Uint8Array,
  runId: Uint8Array,
): Uint8Array {
  return concat([agentNonce, collectorNonce, agentId, runId])
}

/** What a new key signs, under the tag `enrol`, to spend a token. */
export function enrolBytes(token: string, publicKey: Uint8Array): Uint8Array {
  return concat([new TextEncoder().encode(token), publicKey])
}

/** What the key in force signs, under the tag `decommission`, to end the agent's life after its last batch. */
export function decommissionBytes(agentId: Uint8Array, lastDigest: Uint8Array): Uint8Array {
  return concat([agentId, lastDigest])
}

/** What both keys sign, under the tag `rotate`, to replace one by the other. */
export function rotateBytes(agentId: Uint8Array, newPublicKey: Uint8Array): Uint8Array {
  return concat([agentId, newPublicKey])
}
