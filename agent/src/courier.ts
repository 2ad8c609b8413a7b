import type { AgentConfig } from './config.ts'
import { fail } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import type { DeliveryOptions, Sender } from './grpc/delivery.ts'
import type { Door } from './grpc/door.ts'
import { rotate, rotateRequest } from './grpc/enrolment.ts'
import { startListener } from './grpc/listener.ts'
import { startSender } from './grpc/sender.ts'
import { noteHeard } from './host/heard-file.ts'
import { targetOf } from './state.ts'
import { AGENT_VERSION } from './version.ts'

/** What a delivery works with besides the settings. */
export type Parcels = Pick<
  DeliveryOptions,
  | 'identity'
  | 'runId'
  | 'spool'
  | 'logger'
  | 'signer'
  | 'followingSigner'
  | 'promoteKey'
  | 'onPolicy'
  | 'wallMs'
>

/** Has the collector replace a key, by a call or over the connection that it has made. Faults: its own, UNAVAILABLE. */
export async function rotateOver(
  config: AgentConfig,
  agentId: Uint8Array,
  sender: Sender | undefined,
  keys: readonly [current: Signer, next: Signer],
): Promise<Result<void>> {
  if (config.pullListen === undefined) return rotate(targetOf(config), agentId, ...keys)
  const question = { case: 'rotateKey', value: rotateRequest(agentId, ...keys) } as const
  return (await sender?.ask?.(question)) ?? fail('UNAVAILABLE', 'no collector is connected')
}

/** What is heard of a collector is noted at most so often, milliseconds. */
const NOTE_MS = 10_000

/** Where the settings have the agent listen; undefined where it dials. */
export function doorOf({
  pullListen,
  tls,
  tlsCaFile,
  tlsCertFile,
  tlsKeyFile,
}: AgentConfig): Door | undefined {
  if (pullListen === undefined) return undefined
  return { address: pullListen, tls, caFile: tlsCaFile, certFile: tlsCertFile, keyFile: tlsKeyFile }
}

/** Starts delivering, dialling or dialled as the settings say. Faults: CONFIG_INVALID, CONFIG_MISSING, PORT_IN_USE. */
export async function startDelivery(config: AgentConfig, parcels: Parcels): Promise<Result<Sender>> {
  const door = doorOf(config)
  const options = {
    ...parcels,
    agentVersion: AGENT_VERSION,
    backoff: { baseMs: config.retryBaseMs, capMs: config.retryMaxMs },
    answerTimeoutMs: config.answerTimeoutMs,
    refusedPauseMs: config.refusedPauseMs,
    demandsProof: door !== undefined,
  }
  if (door === undefined) return startSender(targetOf(config), options)
  let notedMs = Number.NEGATIVE_INFINITY
  const onHeard = (clockOffsetMs: number): void => {
    const nowMs = performance.now()
    if (nowMs - notedMs < NOTE_MS) return
    notedMs = nowMs
    noteHeard(config.stateDir, { atMs: parcels.wallMs(), clockOffsetMs })
  }
  const listener = await startListener(door, { ...options, onHeard })
  if (listener.ok) parcels.logger.info({ address: listener.value.address }, 'waiting for collectors')
  return listener
}
