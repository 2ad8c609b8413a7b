import type { AgentRecord, AgentState, Fleet, FleetReport } from '@vouch/collector/fleet/ports.ts'
import type { Hex } from '@vouch/collector/ports.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { Dice } from './dice.ts'
import type { Trace } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'

/** Which collector heard of an agent last, and when, epoch milliseconds. */
interface Heard {
  readonly collector: string
  readonly heardMs: number
}

/** Another collector's word counts for so long, milliseconds. */
const ELSEWHERE_MS = 600_000

/** The fleet registry that all collectors share, in memory. */
export class Registry {
  readonly agents = new Map<Hex, AgentRecord>()
  /** When agents were barred, epoch milliseconds. */
  readonly barredMs = new Map<Hex, number>()
  /** Probability that it does not answer. */
  failure = 0
  readonly #time: VirtualTime
  readonly #dice: Dice
  readonly #trace: Trace
  readonly #heard = new Map<Hex, Heard>()

  constructor(time: VirtualTime, dice: Dice, trace: Trace) {
    this.#time = time
    this.#dice = dice
    this.#trace = trace
  }

  /** The registry as the collectors use it. */
  readonly fleet: Fleet = {
    agent: (agentId) =>
      this.#answer(() => {
        const record = this.agents.get(agentId.toHex())
        return record === undefined ? fail('AGENT_UNKNOWN', 'no such agent') : ok(record)
      }),
    report: (report) =>
      this.#answer(() => {
        const told = [...report.connected, ...report.observations.map(({ agentId }) => agentId)]
        const agents = [...new Set(told.map((agentId) => agentId.toHex()))].flatMap((agentId) => {
          const record = this.agents.get(agentId)
          return record === undefined
            ? []
            : [{ agentId, state: record.state, keys: record.keys.size, policyVersion: 0n }]
        })
        return ok({ agents, elsewhere: this.#hear(report) })
      }),
    silence: () => this.#answer(() => ok({ begun: [], over: [] })),
    totals: () =>
      this.#answer(() =>
        ok({
          agents: { active: this.agents.size, revoked: 0, quarantined: 0, decommissioned: 0 },
          silent: 0,
          sharedResources: 0,
          lagMaxMs: 0,
          clockOffsetMaxMs: 0,
        }),
      ),
    bar: (agentId, state, reason) => this.#answer(() => ok(this.#bar(agentId.toHex(), state, reason))),
    createToken: nobody,
    enrol: nobody,
    admit: nobody,
    rotate: nobody,
    decommission: nobody,
    list: nobody,
    setPolicy: nobody,
    move: nobody,
    policies: nobody,
  }

  /** Keeps who heard of an agent later, by this clock, and names the agents that another collector heard of before. */
  #hear({ collector, nowMs, observations }: FleetReport): Hex[] {
    return observations.flatMap(({ agentId, heardMs: theirMs }) => {
      const agent = agentId.toHex()
      const heardMs = this.#time.nowMs - Math.max(0, nowMs - theirMs)
      const known = this.#heard.get(agent)
      if (known === undefined || known.heardMs <= heardMs) this.#heard.set(agent, { collector, heardMs })
      const isElsewhere =
        known !== undefined &&
        known.collector !== collector &&
        known.heardMs > this.#time.nowMs - ELSEWHERE_MS
      return isElsewhere ? [agent] : []
    })
  }

  #bar(agent: Hex, state: AgentState, reason: string): void {
    const record = this.agents.get(agent)
    if (record === undefined) return
    this.#trace.note('fleet', `agent ${agent.slice(0, 6)} is ${state}: ${reason}`)
    this.agents.set(agent, { ...record, state, reason })
    if (!this.barredMs.has(agent)) this.barredMs.set(agent, this.#time.nowMs)
  }

  async #answer<T>(answer: () => Result<T>): Promise<Result<T>> {
    await this.#time.sleep(this.#dice.between(1, 10))
    if (this.#dice.chance(this.failure)) return fail('STORE_UNAVAILABLE', 'the registry does not answer')
    return answer()
  }
}

function nobody(): Promise<never> {
  return Promise.reject(new Error('nobody enrols here'))
}
