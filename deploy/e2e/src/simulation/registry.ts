import type { AgentRecord, AgentState, Fleet, Hex } from '@vouch/collector/ports.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { Dice } from './dice.ts'
import type { Trace } from './trace.ts'
import type { VirtualTime } from './virtual-time.ts'

/** The fleet registry that all collectors share, in memory. */
export class Registry {
  readonly agents = new Map<Hex, AgentRecord>()
  /** Probability that it does not answer. */
  failure = 0
  readonly #time: VirtualTime
  readonly #dice: Dice
  readonly #trace: Trace

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
    report: ({ connected }) =>
      this.#answer(() => {
        const agents = connected.flatMap((agentId) => {
          const record = this.agents.get(agentId.toHex())
          return record === undefined
            ? []
            : [{ agentId: agentId.toHex(), state: record.state, keys: record.keys.size }]
        })
        return ok({ agents, elsewhere: [] })
      }),
    silence: elsewhere,
    totals: elsewhere,
    bar: (agentId, state, reason) => this.#answer(() => ok(this.#bar(agentId.toHex(), state, reason))),
    createToken: elsewhere,
    enrol: elsewhere,
    rotate: elsewhere,
    list: elsewhere,
  }

  #bar(agent: Hex, state: AgentState, reason: string): void {
    const record = this.agents.get(agent)
    if (record === undefined) return
    this.#trace.note('fleet', `agent ${agent.slice(0, 6)} is ${state}: ${reason}`)
    this.agents.set(agent, { ...record, state, reason })
  }

  async #answer<T>(answer: () => Result<T>): Promise<Result<T>> {
    await this.#time.sleep(this.#dice.between(1, 10))
    if (this.#dice.chance(this.failure)) return fail('STORE_UNAVAILABLE', 'the registry does not answer')
    return answer()
  }
}

function elsewhere(): Promise<never> {
  return Promise.reject(new Error('nobody enrols here'))
}
