/** What the server does wrong. */
export type Fault =
  /** The port is closed: connections are refused, open ones are cut. */
  | { readonly kind: 'refuse' }
  /** Answers with an exception instead of running the query; `READONLY` is 164, `TABLE_IS_READ_ONLY` 242. */
  | { readonly kind: 'exception'; readonly code: number; readonly name: string; readonly message?: string }
  /** Answers 500 with a body that is not ClickHouse's, as a broken proxy does. */
  | { readonly kind: 'garbage' }
  /** Runs the query after a pause. */
  | { readonly kind: 'delay'; readonly delayMs: number }
  /** Runs the query, then cuts the connection before the answer. */
  | { readonly kind: 'lose-answer' }

/** Makes a server misbehave on demand. */
export interface FaultSwitch {
  /**
   * Sets the fault for the queries to come.
   *
   * @param options.times after so many queries the server is sound again. Default: until `clear`.
   * @param options.matching only queries whose SQL matches. Neither option applies to `refuse`.
   */
  set(fault: Fault, options?: { readonly times?: number; readonly matching?: RegExp }): Promise<void>
  /** The server is sound again. */
  clear(): Promise<void>
}

/** The switch's state as the request handler sees it. */
export interface ArmedFaults {
  /** The fault to apply to this query, counted as used. */
  take(sql: string): Fault | undefined
}

/** Pairs a switch with the view for the handler; `refuse` and `accept` close and reopen the port. */
export function createFaultSwitch(port: {
  refuse(): Promise<void>
  accept(): Promise<void>
}): FaultSwitch & ArmedFaults {
  let armed: { fault: Fault; left: number; matching: RegExp | undefined } | undefined
  return {
    set: async (fault, options = {}) => {
      if (armed?.fault.kind === 'refuse') await port.accept()
      armed = { fault, left: options.times ?? Number.POSITIVE_INFINITY, matching: options.matching }
      if (fault.kind === 'refuse') await port.refuse()
    },
    clear: async () => {
      if (armed?.fault.kind === 'refuse') await port.accept()
      armed = undefined
    },
    take: (sql) => {
      if (armed === undefined || armed.matching?.test(sql) === false) return undefined
      const { fault } = armed
      armed.left -= 1
      if (armed.left <= 0) armed = undefined
      return fault
    },
  }
}
