/** A reading as it stands in a signed batch. */
export interface SignedReading {
  /** Stream id, hexadecimal. */
  readonly stream: string
  readonly epoch: bigint
  /** Epoch milliseconds. */
  readonly timeMs: number
  readonly register: bigint
  readonly spanMs: number
}

/** A stretch that readings do not cover. */
export interface SlowGap {
  readonly fromMs: number
  readonly toMs: number
  readonly kind: 'missing' | 'spread'
}

/** Usage and coverage of one stream, found the slow and obvious way. */
export interface Truth {
  /** Sum over epochs of last − first. */
  readonly quantity: bigint
  readonly epochs: readonly (readonly SignedReading[])[]
  readonly coveredMs: number
  readonly spreadMs: number
  readonly missingMs: number
  readonly gaps: readonly SlowGap[]
  /** Registers that fall within an epoch. */
  readonly falls: number
}

const MISSING = 0
const SPREAD = 1
const COVERED = 2

/** The truth about one stream's readings over a period that holds them all. */
export function truthOf(readings: readonly SignedReading[], fromMs: number, toMs: number): Truth {
  const epochs = [...Map.groupBy(readings, ({ epoch }) => epoch).values()].map((own) =>
    own.toSorted((a, b) => a.timeMs - b.timeMs),
  )
  const marks = markEveryMillisecond(epochs, fromMs, toMs)
  const count = (mark: number): number => marks.reduce((sum, each) => sum + (each === mark ? 1 : 0), 0)
  return {
    quantity: epochs.reduce((sum, own) => sum + own.at(-1)!.register - own[0]!.register, 0n),
    epochs,
    coveredMs: count(COVERED),
    spreadMs: count(SPREAD),
    missingMs: count(MISSING),
    gaps: runsOf(marks, fromMs),
    falls: epochs.reduce((sum, own) => sum + fallsIn(own), 0),
  }
}

function markEveryMillisecond(
  epochs: readonly (readonly SignedReading[])[],
  fromMs: number,
  toMs: number,
): Uint8Array {
  const marks = new Uint8Array(toMs - fromMs)
  for (const own of epochs) {
    own.slice(1).forEach(({ timeMs, spanMs }, before) => {
      const sinceMs = own[before]!.timeMs
      for (let at = sinceMs; at < timeMs; at++) {
        const mark = at >= timeMs - spanMs ? COVERED : SPREAD
        marks[at - fromMs] = Math.max(marks[at - fromMs] ?? MISSING, mark)
      }
    })
  }
  return marks
}

function runsOf(marks: Uint8Array, fromMs: number): SlowGap[] {
  const gaps: SlowGap[] = []
  for (let at = 0; at < marks.length;) {
    const mark = marks[at]
    const from = at
    while (at < marks.length && marks[at] === mark) at++
    if (mark === COVERED) continue
    gaps.push({ fromMs: fromMs + from, toMs: fromMs + at, kind: mark === SPREAD ? 'spread' : 'missing' })
  }
  return gaps
}

function fallsIn(own: readonly SignedReading[]): number {
  return own.slice(1).filter(({ register }, before) => register < own[before]!.register).length
}
