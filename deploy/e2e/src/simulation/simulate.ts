import { readCollectorConfig } from '@vouch/collector/config.ts'
import type { Archive, Clock } from '@vouch/collector/ports.ts'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import { signerOf } from '@vouch/proto/seal/seal.ts'
import { AgentHost } from './agent-host.ts'
import type { AgentIdentity, AgentWorld } from './agent-host.ts'
import { check } from './checks.ts'
import { CollectorProcess } from './collector-process.ts'
import { Dice } from './dice.ts'
import { Injection } from './injection.ts'
import { Ledger } from './ledger.ts'
import { Network } from './network.ts'
import type { Plan } from './plan.ts'
import { Registry } from './registry.ts'
import { attack } from './rogue.ts'
import { Store } from './store.ts'
import { Trace } from './trace.ts'
import { VirtualTime } from './virtual-time.ts'

/** How a run ended. */
export interface Outcome {
  /** What does not hold; empty = everything does. */
  readonly problems: readonly string[]
  /** SHA-256 of the trace: the same for the same plan. */
  readonly hash: string
  readonly trace: readonly string[]
  readonly batches: number
}

/** A collector broken on purpose: its archive is not what it seems. */
export type Sabotage = (archive: Archive, clock: Clock, store: Store) => Archive

/** After the last fault the agents meter for so long, then everything has so long to come to rest, milliseconds. */
const AFTERMATH_MS = 6_000
const REST_MAX_MS = 1_800_000
/** Connections whose other end is silent are noticed by then. */
const NOTICE_MS = 180_000
/** A rogue agent holds its connection for so long. */
const ROGUE_MS = 30_000
const CLOCKS_DIFFER_MS = 900

const CONFIG = unwrap(
  readCollectorConfig({
    VOUCH_TLS: 'off',
    VOUCH_DATA_DIR: 'none',
    VOUCH_DATABASE_URL: 'postgresql://none/none',
  }),
)

/** Runs a plan from its beginning to rest and checks what is left. */
export async function simulate(plan: Plan, sabotage: Sabotage = (archive) => archive): Promise<Outcome> {
  const problems: string[] = []
  const world = build(plan, sabotage, (what) => problems.push(what))
  const { collectors, hosts, ledger, registry, store, time, trace } = world
  try {
    if (plan.faults.has('twin')) twin(world)
    const faults = new Injection(world, world.dice.fork())
    await time.pass(plan.startMs + plan.faultsMs)
    faults.heal()
    const healedMs = time.nowMs
    await time.pass(time.nowMs + AFTERMATH_MS)
    for (const host of hosts) await host.finish()
    const isAtRest = (): boolean =>
      store.unplaced === 0 &&
      hosts.every(
        (host) =>
          host.spooled === 0 || registry.agents.get(host.identity.agentId.toHex())?.state !== 'active',
      )
    await time.pass(time.nowMs + REST_MAX_MS, isAtRest)
    for (const host of hosts) {
      const { state } = registry.agents.get(host.identity.agentId.toHex())!
      if (host.spooled > 0 && state === 'active')
        problems.push(`${host.name} still has ${host.spooled} batches`)
    }
    if (store.unplaced > 0) problems.push(`${store.unplaced} cut commits were never made up for`)
    for (const host of hosts) host.stop()
    await time.pass(time.nowMs + NOTICE_MS)
    problems.push(...collectors.flatMap((collector) => collector.remains()))
    problems.push(...check({ hosts, ledger, registry, tables: store.tables, healedMs }))
  } catch (error) {
    problems.push(error instanceof Error ? (error.stack ?? error.message) : String(error))
  }
  return { problems, hash: trace.hash(), trace: trace.lines, batches: ledger.sealed.size }
}

/** Two copies of an enrolled machine that never ran; the clocks of machines differ a little. */
function twin(world: World): void {
  const copy = world.clone(world.hosts[0]!)
  copy.device.wallOffsetMs = world.dice.between(1, CLOCKS_DIFFER_MS)
}

interface World extends AgentWorld {
  readonly plan: Plan
  readonly dice: Dice
  readonly store: Store
  readonly registry: Registry
  readonly hosts: AgentHost[]
  clone(origin: AgentHost): AgentHost
  attack(): void
}

function build(plan: Plan, sabotage: Sabotage, problem: (what: string) => void): World {
  const dice = new Dice(plan.seed).fork()
  const time = new VirtualTime(plan.startMs)
  const trace = new Trace(() => time.nowMs)
  const store = new Store(time, dice.fork(), trace)
  const registry = new Registry(time, dice.fork(), trace)
  const network = new Network(time, dice.fork())
  const signer = signerOf(dice.bytes(32))
  const { windowBatches, pendingBytesMax, commitRowsMax, commitBytesMax, commitWaitMs } = plan
  const config = { ...CONFIG, windowBatches, pendingBytesMax, commitRowsMax, commitBytesMax, commitWaitMs }
  const wrapArchive = (archive: Archive, clock: Clock): Archive => sabotage(archive, clock, store)
  const around = { time, trace, store, registry, signer, config, wrapArchive }
  const collectors = Array.from(
    { length: plan.collectors },
    (_, index) => new CollectorProcess(`collector-${index + 1}`, around, dice.fork()),
  )
  const ledger = new Ledger()
  const agents = {
    time,
    trace,
    network,
    collectors,
    ledger,
    tables: store.tables,
    problem,
    looksPerBatch: plan.looksPerBatch,
    spoolBytesMax: plan.spoolBytesMax,
  }
  const world: AgentWorld = { ...agents, collectorKey: signer.publicKey }
  const hosts = Array.from(
    { length: plan.agents },
    (_, index) =>
      new AgentHost(
        `agent-${index + 1}`,
        enrol(`host:agent-${index + 1}`, registry, dice),
        world,
        dice.fork(),
      ),
  )
  const rogue = enrol('host:rogue', registry, dice)
  return {
    ...world,
    plan,
    dice,
    store,
    registry,
    hosts,
    clone: (origin) => {
      Object.assign(origin, { fate: 'copied' })
      const clone = new AgentHost(
        `${origin.name}-copy${hosts.length}`,
        origin.identity,
        world,
        dice.fork(),
        origin,
      )
      clone.fate = 'copied'
      hosts.push(clone)
      return clone
    },
    attack: () => {
      const { identity, device } = dice.pick(hosts)
      const collector = dice.pick(collectors)
      const link = network.open('rogue', collector.name)
      attack(link, rogue, { agentId: identity.agentId, resource: device.resource }, dice.fork(), time.nowMs)
      collector.accept(link)
      time.after(ROGUE_MS, () => link.frames.end())
    },
  }
}

function enrol(resource: string, registry: Registry, dice: Dice): AgentIdentity {
  const identity = { agentId: dice.bytes(16), signer: signerOf(dice.bytes(32)) }
  const { keyId, publicKey } = identity.signer
  const keys = new Map([[keyId.toHex(), { publicKey, retiredMs: undefined }]])
  registry.agents.set(identity.agentId.toHex(), {
    resource,
    state: 'active',
    reason: '',
    keys,
    policy: undefined,
  })
  return identity
}
