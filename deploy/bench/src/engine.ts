import { fileURLToPath } from 'node:url'
import { startChild } from './child.ts'
import type { Child } from './child.ts'

/** What the engine's process is asked to do. */
export type EngineMessage =
  | { readonly do: 'migrate'; readonly database: string }
  | { readonly do: 'run'; readonly statements: readonly string[] }
  | { readonly do: 'select'; readonly query: string }
  | { readonly do: 'serve' }

/** The engine in a process of its own. An error of the engine ends the process, and fails whoever waits. */
export interface EngineProcess {
  readonly child: Child
  /** Brings the collector's tables into a database. */
  migrate(database: string): Promise<void>
  /** Runs statements that answer nothing, one after another. */
  run(statements: readonly string[]): Promise<void>
  /** Rows of a query, as JSON gives them. */
  select<T>(query: string): Promise<T[]>
  /** Serves the engine over HTTP on loopback; gives the URL. */
  serve(): Promise<string>
  stop(): Promise<void>
}

const PROGRAM = fileURLToPath(new URL('engine-process.ts', import.meta.url))

/** Opens a data directory of the engine in a new process. */
export function startEngine(directory: string): EngineProcess {
  const child = startChild(PROGRAM, { VOUCH_DATA_DIR: directory })
  const ask = async (message: EngineMessage): Promise<unknown> => child.ask(message)
  return {
    child,
    migrate: async (database) => void (await ask({ do: 'migrate', database })),
    run: async (statements) => void (await ask({ do: 'run', statements })),
    select: async <T>(query: string) => (await ask({ do: 'select', query })) as T[],
    serve: async () => String(await ask({ do: 'serve' })),
    stop: () => child.stop(),
  }
}
