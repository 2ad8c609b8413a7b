/** ClickHouse for Vouch without a server: the engine in the process, and the same engine behind HTTP for tests. */
export { type Engine, openEngine } from './engine.ts'
export type { Fault, FaultSwitch } from './fault-switch.ts'
export { serveEngine, type EngineServer } from './server.ts'
export { createTestEngine, type TestEngine } from './test-engine.ts'
