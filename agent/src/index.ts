/** The agent, for programs that compose it. */
export { createAgent } from './agent.ts'
export type { Agent, AgentOptions, AgentStatus } from './agent.ts'
export { AGENT_SETTINGS, readAgentConfig } from './config.ts'
export type { AgentConfig } from './config.ts'
export type { SealedBatch } from './metering-run.ts'
export type { Clock, Logger, Look, Sample, Source, Unavailable } from './ports.ts'
export { AGENT_VERSION } from './version.ts'
