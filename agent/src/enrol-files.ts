import { readFileSync, writeFileSync } from 'node:fs'
import { equalBytes } from '@vouch/proto/kernel/bytes.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import { enrolmentRequestText, readEnrolmentAnswer } from '@vouch/proto/seal/enrolment-file.ts'
import type { AgentConfig } from './config.ts'
import { withState } from './state.ts'
import { AGENT_VERSION } from './version.ts'

/**
 * Writes what an operator enrols this host by, to a new file. It holds no secret. Returns what to print.
 * Faults: FIELD_INVALID where the file cannot be written, KEY_UNKNOWN, DATA_DIRECTORY_…
 */
export function requestEnrolment(config: AgentConfig, file: string): Promise<Result<string>> {
  return withState(config, ({ resource, store }) => {
    const known = store.identity()
    if (!known.ok) return known
    if (known.value !== undefined) return ok(`already enrolled as ${known.value.agentId.toHex()}\n`)
    const signer = store.signer()
    if (!signer.ok) return signer
    const claim = { label: config.label, resource, agentVersion: AGENT_VERSION }
    try {
      writeFileSync(file, enrolmentRequestText(claim, signer.value), { flag: 'wx' })
    } catch (error) {
      return fail(
        'FIELD_INVALID',
        `${file} cannot be written: ${error instanceof Error ? error.message : ''}`,
      )
    }
    return ok(`${file} asks to enrol ${resource} with key ${signer.value.publicKey.toHex()}\n`)
  })
}

/**
 * Takes the operator's answer, and with it the collector that this agent believes. Returns what to print.
 * Faults: FIELD_INVALID, SIGNATURE_INVALID where it is not for this host's key, KEY_UNKNOWN, DATA_DIRECTORY_…
 */
export function takeAnswer(config: AgentConfig, file: string): Promise<Result<string>> {
  return withState(config, ({ resource, store }) => {
    const known = store.identity()
    if (!known.ok) return known
    if (known.value !== undefined) return ok(`already enrolled as ${known.value.agentId.toHex()}\n`)
    const text = textOf(file)
    if (!text.ok) return text
    const answer = readEnrolmentAnswer(text.value)
    if (!answer.ok) return answer
    const signer = store.signer()
    if (!signer.ok) return signer
    const { agentId, collectorPublicKey, publicKey } = answer.value
    if (!equalBytes(publicKey, signer.value.publicKey))
      return fail('SIGNATURE_INVALID', 'the answer is for the key of another host, or of another request')
    store.keep({ agentId, collectorPublicKey })
    return ok(
      `enrolled ${resource} as ${agentId.toHex()}; the collector's key is ${collectorPublicKey.toHex()}\n`,
    )
  })
}

function textOf(file: string): Result<string> {
  try {
    return ok(readFileSync(file === '-' ? 0 : file, 'utf8'))
  } catch (error) {
    return fail('FIELD_INVALID', `${file} cannot be read: ${error instanceof Error ? error.message : ''}`)
  }
}
