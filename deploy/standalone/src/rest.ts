import { randomUUID } from 'node:crypto'

/** A client of the REST API, with one key. */
export interface Rest {
  /** GET, as parsed JSON. Throws with the problem's code and detail. */
  get<T>(path: string): Promise<T>
  /** GET, as bytes. */
  bytes(path: string): Promise<Uint8Array>
  /** POST with a fresh idempotency key. Throws with the problem's code and detail. */
  post<T>(path: string, body?: object): Promise<T>
}

/** A refusal by the API. */
export class RestProblem extends Error {
  override readonly name = 'RestProblem'
  /** From the closed list of faults. */
  readonly code: string

  constructor(code: string, message: string) {
    super(`${code}: ${message}`)
    this.code = code
  }
}

interface Request {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
}

const TIMEOUT_MS = 60_000

/** Makes a client for the API at `base`. */
export function restAt(base: string, apiKey: string): Rest {
  const authorization = `Bearer ${apiKey}`
  const call = async (path: string, init: Request = {}): Promise<Response> => {
    const response = await fetch(`${base}${path}`, {
      ...init,
      headers: { authorization, ...init.headers },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    })
    if (response.ok) return response
    const problem = (await response.json()) as { code: string; detail: string }
    throw new RestProblem(problem.code, problem.detail)
  }
  return {
    get: async <T>(path: string) => (await (await call(path)).json()) as T,
    bytes: async (path) => new Uint8Array(await (await call(path)).arrayBuffer()),
    post: async <T>(path: string, body?: object) => {
      const key = { 'idempotency-key': randomUUID() }
      const json = { headers: { ...key, 'content-type': 'application/json' }, body: JSON.stringify(body) }
      const init = body === undefined ? { headers: key } : json
      return (await (await call(path, { method: 'POST', ...init })).json()) as T
    },
  }
}
