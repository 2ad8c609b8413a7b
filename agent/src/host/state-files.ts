import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'

/** What makes one agent: its identity, its keys, and the spool with its counters and its unsent batches. */
const OF_THE_AGENT =
  /^(?:agent\.json|agent\.key|agent-next\.key|rotate-key\.request|collector-heard\.json|spool\.sqlite.*)$/u

/** Removes what made the agent of this directory, for good. Resource and sources' own counts stay. */
export function removeState(stateDir: string): void {
  for (const name of filesOf(stateDir)) rmSync(join(stateDir, name))
}

/** Moves what made the agent of this directory to a folder of its own in there; returns its path. */
export function setStateAside(stateDir: string, agentId: Uint8Array): string {
  const path = Array.from({ length: 1000 }, (_, index) =>
    join(stateDir, `agent-${agentId.toHex()}.${index + 1}`),
  ).find((each) => !existsSync(each))
  if (path === undefined) throw new Error(`${stateDir} is full of agents set aside`)
  mkdirSync(path, { mode: 0o700 })
  for (const name of filesOf(stateDir)) renameSync(join(stateDir, name), join(path, name))
  return path
}

function filesOf(stateDir: string): string[] {
  return readdirSync(stateDir).filter((name) => OF_THE_AGENT.test(name))
}
