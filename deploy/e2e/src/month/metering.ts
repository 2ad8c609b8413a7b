import { join } from 'node:path'
import { createAgent, readAgentConfig } from '@vouch/agent/index.ts'
import type { Agent } from '@vouch/agent/index.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Services } from './services.ts'
import { CADENCE_MS, LOOKS_PER_BATCH } from './story.ts'
import { virtualHost } from './virtual-host.ts'
import type { HostScript } from './virtual-host.ts'
import { pino } from 'pino'

const FLUSH_MS = 30_000
const quiet = pino({ level: 'error' }, pino.destination(2))

/** Runs the agent of a host over a stretch of virtual time: looks at the cadence, batches of a day, an orderly stop. */
export async function meter(
  services: Services,
  script: HostScript,
  fromMs: number,
  toMs: number,
): Promise<void> {
  const host = virtualHost(script, fromMs)
  const config = unwrap(
    readAgentConfig({
      VOUCH_TLS: 'off',
      VOUCH_AGENT_STATE_DIR: join(services.directory, script.resource.replace(':', '-')),
      VOUCH_AGENT_COLLECTOR: services.collectorAddress,
      VOUCH_AGENT_CADENCE_MS: String(CADENCE_MS),
      VOUCH_AGENT_RESOURCE: script.resource,
    }),
  )
  const token = await services.createToken()
  const agent = createAgent({ config, token, logger: quiet, clock: host.clock, sources: [host.source] })
  await agent.open()
  for (let at = fromMs, looks = 1; at < toMs; at += CADENCE_MS, looks++) {
    host.moveTo(at)
    await agent.sampleOnce()
    if (looks % LOOKS_PER_BATCH === 0) await deliver(agent)
  }
  host.moveTo(toMs)
  await agent.stop()
}

async function deliver(agent: Agent): Promise<void> {
  unwrap(agent.sealBatch())
  if (await agent.flush(FLUSH_MS)) return
  throw new Error(`batches were not confirmed: ${agent.status().fault?.message ?? 'no answer'}`)
}
