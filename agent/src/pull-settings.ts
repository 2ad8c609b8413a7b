import { address, isLoopback } from '@vouch/proto/kernel/address.ts'
import { path } from '@vouch/proto/kernel/config.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'

/** Settings of an agent that collectors dial, part of the agent's. */
export const PULL_SETTINGS = {
  pullListen: {
    env: 'VOUCH_AGENT_PULL_LISTEN',
    describe: 'host:port where collectors dial this agent, which then dials nobody; port 0 takes a free one',
    parse: address,
    fallback: undefined,
  },
  tlsCertFile: {
    env: 'VOUCH_AGENT_TLS_CERT_FILE',
    describe: 'certificate chain that a dialled agent shows, PEM; for servers only',
    parse: path,
    fallback: undefined,
  },
  tlsKeyFile: {
    env: 'VOUCH_AGENT_TLS_KEY_FILE',
    describe: 'its private key, PEM',
    parse: path,
    fallback: undefined,
  },
}

/** Settings that say how an agent is dialled. */
interface PullConfig {
  readonly pullListen: string | undefined
  readonly tls: 'on' | 'off'
  readonly tlsCaFile: string | undefined
  readonly tlsCertFile: string | undefined
  readonly tlsKeyFile: string | undefined
}

/** Whether an agent can be dialled like this; where it is not dialled at all it can. Faults: CONFIG_MISSING, CONFIG_INVALID. */
export function checkPull(config: PullConfig): Result<void> {
  const { pullListen, tls, tlsCaFile, tlsCertFile, tlsKeyFile } = config
  if (pullListen === undefined) return ok(undefined)
  if (tls === 'off') {
    if (isLoopback(pullListen)) return ok(undefined)
    const why = `VOUCH_TLS=off is for a loopback address, not for ${pullListen}`
    return fail('CONFIG_INVALID', why, { pointer: 'VOUCH_TLS' })
  }
  if (tlsCertFile !== undefined && tlsKeyFile !== undefined && tlsCaFile !== undefined) return ok(undefined)
  const pointer = 'VOUCH_AGENT_PULL_LISTEN'
  return fail(
    'CONFIG_MISSING',
    'an agent that is dialled needs VOUCH_AGENT_TLS_CERT_FILE, VOUCH_AGENT_TLS_KEY_FILE and VOUCH_TLS_CA_FILE',
    { pointer },
  )
}
