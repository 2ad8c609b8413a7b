import { existsSync, statSync, statfsSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentConfig } from './config.ts'
import { doorOf } from './courier.ts'
import { checkClock, failed } from './doctor-check.ts'
import type { Check } from './doctor-check.ts'
import { checkDoor } from './doctor-door.ts'
import { probeCollector } from './grpc/probe.ts'
import { openIdentity } from './host/identity.ts'
import { glance } from './once.ts'
import type { Glance } from './once.ts'
import { inspectSpool } from './spool/inspect.ts'
import { targetOf } from './state.ts'

/** Of its bound, from which on a spool is worth a word: per cent. */
const FULLNESS_WARN = 80n
const PROBE_TIMEOUT_MS = 10_000
/** Access of anybody but the owner. */
const OTHERS = 0o077

/** Looks at everything that an agent of this configuration needs, without changing any of it. */
export async function examine(config: AgentConfig): Promise<Check[]> {
  const [collector, glances] = await Promise.all([checkCollector(config), glance(config)])
  return [
    ...checkStateDirectory(config.stateDir),
    checkEnrolment(config),
    ...checkSpool(config),
    ...collector,
    ...glances.flatMap(checkSource),
  ]
}

/** The checks as lines; `isWell` is false where any of them failed. */
export async function doctor(
  config: AgentConfig,
): Promise<{ readonly text: string; readonly isWell: boolean }> {
  const checks = [{ name: 'settings', level: 'ok', what: 'valid' } as const, ...(await examine(config))]
  const lines = checks.map((check: Check) => {
    const remedy = check.remedy === undefined ? '' : `; ${check.remedy}`
    return `${check.level.padEnd(4)}  ${check.name}: ${check.what}${remedy}\n`
  })
  return { text: lines.join(''), isWell: checks.every(({ level }) => level !== 'FAIL') }
}

function checkStateDirectory(stateDir: string): Check[] {
  const name = 'state directory'
  if (!existsSync(stateDir))
    return [
      {
        name,
        level: 'warn',
        what: `${stateDir} does not exist yet`,
        remedy: 'the agent makes it where it may; or set VOUCH_AGENT_STATE_DIR',
      },
    ]
  const open = ['', 'agent.key', 'agent-next.key', 'spool.sqlite'].map((each) => join(stateDir, each))
  const checks = open.filter(existsSync).flatMap((path): Check[] => {
    const { mode, uid } = statSync(path)
    if ((mode & OTHERS) !== 0 && !path.endsWith('.sqlite'))
      return [{ name, level: 'FAIL', what: `others can read ${path}`, remedy: `run chmod go= ${path}` }]
    const own = process.getuid?.()
    if (own !== undefined && own !== uid)
      return [
        {
          name,
          level: 'warn',
          what: `${path} belongs to user ${uid}, this is ${own}`,
          remedy: 'run the doctor as the user that runs the agent',
        },
      ]
    return []
  })
  return checks.length > 0 ? checks : [{ name, level: 'ok', what: stateDir }]
}

function checkEnrolment({ stateDir, tokenFile }: AgentConfig): Check {
  const name = 'enrolment'
  if (!existsSync(stateDir)) return notEnrolled(tokenFile)
  const store = openIdentity(stateDir)
  const identity = store.ok ? store.value.identity() : store
  if (!identity.ok) return failed(name, identity.fault, 'restore it, or enrol this host again')
  if (identity.value === undefined) return notEnrolled(tokenFile)
  return { name, level: 'ok', what: `agent ${identity.value.agentId.toHex()}` }
}

function notEnrolled(tokenFile: string | undefined): Check {
  const what = 'this host is not enrolled'
  if (tokenFile !== undefined)
    return { name: 'enrolment', level: 'warn', what, remedy: 'run vouch-agent enrol' }
  const remedy = 'set VOUCH_AGENT_TOKEN_FILE to a file with a token and run vouch-agent enrol'
  return { name: 'enrolment', level: 'FAIL', what, remedy }
}

function checkSpool({ stateDir, spoolBytesMax }: AgentConfig): Check[] {
  const name = 'spool'
  const path = join(stateDir, 'spool.sqlite')
  if (!existsSync(path)) return [{ name, level: 'ok', what: 'none yet' }]
  const inspection = inspectSpool(path)
  if (!inspection.ok) {
    if (inspection.fault.code === 'DATA_DIRECTORY_LOCKED')
      return [{ name, level: 'ok', what: 'an agent runs on it; its /metrics tell more' }]
    return [failed(name, inspection.fault, 'the agent sets it aside at its next start')]
  }
  const { batches, bytes, losses, setAside } = inspection.value
  inspection.value.close()
  const { bavail, bsize } = statfsSync(stateDir, { bigint: true })
  const free = bavail * bsize
  const checks: Check[] = []
  const word = (what: string, remedy: string): void => void checks.push({ name, level: 'warn', what, remedy })
  if (BigInt(bytes) * 100n > BigInt(spoolBytesMax) * FULLNESS_WARN)
    word(`${bytes} of ${spoolBytesMax} octets are taken`, 'let the collector be reached, or raise the bound')
  if (free < BigInt(spoolBytesMax - bytes))
    word(`the disk has ${free} octets left, less than the spool may take`, 'free space, or lower the bound')
  if (losses > 0) word(`${losses} losses wait to be admitted`, 'the next batch carries them')
  if (setAside.length > 0)
    word(
      `${setAside.length} files hold what could not be read: ${setAside.join(', ')}`,
      'look into them, then remove them',
    )
  return checks.length > 0
    ? checks
    : [{ name, level: 'ok', what: `${batches} batches wait, ${bytes} octets` }]
}

async function checkCollector(config: AgentConfig): Promise<Check[]> {
  const door = doorOf(config)
  if (door !== undefined) return checkDoor(config, door)
  const greeting = await probeCollector(targetOf(config), PROBE_TIMEOUT_MS)
  if (!greeting.ok) {
    const remedy =
      'check VOUCH_AGENT_COLLECTOR, the network between, and VOUCH_TLS_CA_FILE; batches stay in the spool meanwhile'
    return [failed('collector', greeting.fault, remedy)]
  }
  const { clockOffsetMs, tookMs } = greeting.value
  const reached = `${config.collector} answers in ${tookMs} ms`
  return [{ name: 'collector', level: 'ok', what: reached }, checkClock(clockOffsetMs, tookMs)]
}

function checkSource({ source, samples, unavailable, faults }: Glance): Check[] {
  const name = `source ${source}`
  const checks = faults.map((fault) => failed(name, fault))
  const missing = unavailable.map(({ meter }) => meter).join(', ')
  const read = samples.length === 0 ? 'nothing to read now' : `${samples.length} meters read`
  const what = `${read}${missing === '' ? '' : `; unavailable: ${missing}`}`
  if (checks.length === 0 || samples.length > 0) checks.unshift({ name, level: 'ok', what })
  return checks
}
