import { throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { OperatorCommand } from './cli.ts'
import { SYSTEM_CLOCK } from './clock.ts'
import type { CollectorConfig } from './config.ts'
import { BUILT_IN, policyList } from './fleet/policy.ts'
import { agentDetails, agentJson, agentTable } from './fleet/table.ts'
import type { Fleet } from './fleet/ports.ts'
import type { PullRegistry } from './fleet/pull-ports.ts'

const LIST_MAX = 10_000

/** Commands about agents, tokens and policies: the registry is all they need. */
export type FleetCommand = Exclude<
  Extract<OperatorCommand, { readonly name: `agents ${string}` | `policy ${string}` | 'token create' }>,
  { readonly name: 'agents enrol-file' }
>

/** Runs a command; returns what is to be printed. Throws a FaultError. */
export async function runFleetCommand(
  command: FleetCommand,
  { fleet, pulls }: { readonly fleet: Fleet; readonly pulls: PullRegistry },
  config: CollectorConfig,
): Promise<string> {
  switch (command.name) {
    case 'token create':
      return `${unwrap(await fleet.createToken(command))}\n`
    case 'agents list': {
      const filter = {
        ...(command.state === undefined ? {} : { state: command.state }),
        ...(command.silent ? { silent: true } : {}),
        ...(command.shared ? { shared: true } : {}),
      }
      const agents = unwrap(await fleet.list(LIST_MAX, filter))
      return command.json ? agentJson(agents) : agentTable(agents, SYSTEM_CLOCK.now())
    }
    case 'agents show': {
      const [agent] = unwrap(await fleet.list(1, { agentId: command.agentId }))
      if (agent === undefined)
        return throwFault('AGENT_UNKNOWN', `no agent ${command.agentId.toHex()} is enrolled here`)
      return command.json ? agentJson(agent) : agentDetails(agent, SYSTEM_CLOCK.now())
    }
    case 'agents revoke':
      unwrap(await fleet.bar(command.agentId, 'revoked', command.reason))
      return `agent ${command.agentId.toHex()} is revoked; its connections end within ${config.fleetRefreshMs} ms\n`
    case 'agents move':
      unwrap(await fleet.move(command.agentId, command.group, command.by))
      return `agent ${command.agentId.toHex()} is in group ${command.group}\n`
    case 'agents pull': {
      const { address, agentId } = command
      unwrap(await pulls.assign(agentId, address))
      const agent = agentId.toHex()
      if (address === undefined) return `agent ${agent} is not dialled any more\n`
      return `agent ${agent} is dialled at ${address}; agents show tells how it goes\n`
    }
    case 'policy list':
      return policyList(unwrap(await fleet.policies(command.all, LIST_MAX)), command.json)
    case 'policy set':
      return changePolicy(fleet, command)
    default:
      throw new Error(`not a command: ${JSON.stringify(command satisfies never)}`)
  }
}

/** What is not given stays as it is in the group, or as it is built in. */
async function changePolicy(
  fleet: Fleet,
  { group, change, by, reason }: Extract<OperatorCommand, { name: 'policy set' }>,
): Promise<string> {
  const entries = unwrap(await fleet.policies(false, LIST_MAX))
  const { version: _, ...current } = entries.find((entry) => entry.group === group)?.policy ?? BUILT_IN
  const version = unwrap(await fleet.setPolicy({ group, policy: { ...current, ...change }, by, reason }))
  return `policy ${version} is in force for group ${group}\n`
}
