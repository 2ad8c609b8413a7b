import { connect } from 'node:net'
import { parseAddress } from '@vouch/proto/kernel/address.ts'
import type { AgentConfig } from './config.ts'
import { doorCredentials } from './grpc/door.ts'
import type { Door } from './grpc/door.ts'
import { lastHeard } from './host/heard-file.ts'
import { checkClock, failed } from './doctor-check.ts'
import type { Check } from './doctor-check.ts'

/** A dialled agent hears of its collector at least so often, milliseconds; with room for one that is restarted. */
const HEARD_MAX_MS = 300_000
const CONNECT_TIMEOUT_MS = 2_000
/** Addresses that mean all of the machine's, and one of those each. */
const ANY: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' }
const REMEDY = 'have the operator look at vouch-collector agents show, and the network between'

/** Looks at the door of an agent that is dialled, and at what it has heard. */
export async function checkDoor({ stateDir }: AgentConfig, door: Door): Promise<Check[]> {
  const name = 'door'
  const credentials = await doorCredentials(door)
  if (!credentials.ok) return [failed(name, credentials.fault)]
  const isOpen = await answers(door.address)
  const listens: Check = isOpen
    ? { name, level: 'ok', what: `${door.address} is open for collectors` }
    : { name, level: 'warn', what: `nobody listens on ${door.address}`, remedy: 'start the agent' }
  return [listens, ...checkHeard(stateDir, Date.now())]
}

function checkHeard(stateDir: string, nowMs: number): Check[] {
  const name = 'collector'
  const heard = lastHeard(stateDir)
  if (heard === undefined)
    return [{ name, level: 'warn', what: 'no collector was heard yet', remedy: REMEDY }]
  const ageMs = Math.max(0, nowMs - heard.atMs)
  const what = `heard ${Math.floor(ageMs / 1000)} s ago`
  if (ageMs > HEARD_MAX_MS) return [{ name, level: 'warn', what, remedy: REMEDY }]
  return [{ name, level: 'ok', what }, checkClock(heard.clockOffsetMs)]
}

async function answers(address: string): Promise<boolean> {
  const parsed = parseAddress(address)
  if (!parsed.ok) return false
  const { host, port } = parsed.value
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const socket = connect({ host: ANY[host] ?? host, port, timeout: CONNECT_TIMEOUT_MS })
  socket.on('connect', () => resolve(true))
  socket.on('error', () => resolve(false))
  socket.on('timeout', () => resolve(false))
  return promise.finally(() => socket.destroy())
}
