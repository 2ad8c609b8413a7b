import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fail, ok, throwFault, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import type { JsonValue } from '@vouch/proto/kernel/json.ts'
import { parse } from 'yaml'
import type { AgentConfig } from '../config.ts'
import type { Clock, Facts, Logger, Look, Sample, Source } from '../ports.ts'
import { instantAt } from '../reading/moment.ts'
import type { Instant } from '../reading/moment.ts'
import { PARTS } from './amount.ts'
import { readDeclarations } from './declarations.ts'
import type { Declarations } from './declarations.ts'
import { GroupCommit } from './group-commit.ts'
import { Intake } from './intake.ts'
import { startListener } from './listener.ts'
import type { Listener } from './listener.ts'
import { openEventStore } from './store.ts'
import type { Counter, EventStore } from './store.ts'

/** What the source works with. */
export interface EventsContext {
  /** Resource of the host. */
  readonly resource: string
  readonly clock: Clock
  readonly logger: Logger
  readonly facts: Facts
}

/** The fact that says which counters have their first reading in a batch. */
const OPENED = 'events/opened'

/**
 * Begins to take events. Throws faults: CONFIG_MISSING, those of the file of events, UNIT_MISMATCH where a meter had
 * another unit before, PORT_IN_USE, and those of the database.
 */
export async function createEventsSource(config: AgentConfig, context: EventsContext): Promise<Source> {
  const { declarations, listen } = unwrap(checkEvents(config))
  const limits = {
    windowMs: config.eventsWindowMs,
    idsMax: config.eventsIdsMax,
    countersMax: config.eventsStreamsMax,
  }
  const { clock, logger, resource } = context
  const store = unwrap(openEventStore(join(config.stateDir, 'events.sqlite'), limits, clock.wallMs()))
  try {
    checkUnits(store, declarations)
    const group = new GroupCommit(store, () => clock.wallMs())
    const intake = new Intake(group, { host: resource, declarations })
    const listener = unwrap(await startListener(listen, intake, config.eventsBodyBytesMax, logger))
    logger.info({ address: listener.address, types: declarations.size }, 'events are taken')
    return new EventsSource(store, context, async () => close(listener, group, store))
  } catch (error) {
    store.close()
    throw error
  }
}

/** What the configuration says of events. Faults: CONFIG_MISSING, CONFIG_INVALID, and those of the file of events. */
export function checkEvents({
  eventsFile,
  eventsListen,
}: AgentConfig): Result<{ readonly declarations: Declarations; readonly listen: string }> {
  if (eventsFile === undefined) return missing('VOUCH_AGENT_EVENTS_FILE')
  if (eventsListen === undefined) return missing('VOUCH_AGENT_EVENTS_LISTEN')
  const declarations = readEventsFile(eventsFile)
  return declarations.ok ? ok({ declarations: declarations.value, listen: eventsListen }) : declarations
}

function readEventsFile(path: string): Result<Declarations> {
  let content: JsonValue
  try {
    content = (parse(readFileSync(path, 'utf8')) ?? {}) as JsonValue
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return fail('CONFIG_INVALID', `the file of events ${path} cannot be read: ${why}`, {
      pointer: 'VOUCH_AGENT_EVENTS_FILE',
    })
  }
  return readDeclarations(content)
}

function missing(pointer: string): Result<never> {
  return fail('CONFIG_MISSING', `the source events needs ${pointer}`, { pointer })
}

function checkUnits(store: EventStore, declarations: Declarations): void {
  const units = new Map(store.counters().map(({ meter, unit }) => [meter, unit]))
  for (const { meter, unit } of declarations.values()) {
    const before = units.get(meter) ?? unit
    if (before === unit) continue
    const message = `${meter} has counted ${before} here, not ${unit}; give it another name`
    throwFault('UNIT_MISMATCH', message, { pointer: 'VOUCH_AGENT_EVENTS_FILE' })
  }
}

async function close(listener: Listener, group: GroupCommit, store: EventStore): Promise<void> {
  await listener.stop()
  group.flush()
  store.close()
}

/** The counters of events as a source. */
export class EventsSource implements Source {
  readonly name = 'events'
  readonly #store: EventStore
  readonly #context: Pick<EventsContext, 'clock' | 'facts'>
  readonly #end: () => Promise<void>
  /** The track of each counter that has been looked at in this run. */
  readonly #tracks = new Map<number, string>()
  #faults: readonly Fault[] = []
  #ending: Promise<void> | undefined

  constructor(store: EventStore, context: Pick<EventsContext, 'clock' | 'facts'>, end: () => Promise<void>) {
    this.#store = store
    this.#context = context
    this.#end = end
  }

  /**
   * All totals. Counters that are new begin with a look at zero at the instant at which the first of them was made,
   * in a track of their own, so that their readings follow one another without a gap.
   */
  look(): Promise<readonly Look[]> {
    const { clock } = this.#context
    const at = { wallMs: clock.wallMs(), monotonicMs: clock.monotonicMs(), boottimeMs: clock.boottimeMs() }
    const counters = this.#store.counters()
    const looks = this.#open(counters, at)
    const tracks = new Map<string, Sample[]>()
    for (const counter of counters) {
      const track = this.#tracks.get(counter.id) ?? this.name
      const samples = tracks.get(track) ?? []
      tracks.set(track, samples)
      samples.push(this.#sample(counter, counter.total / PARTS))
    }
    for (const [track, samples] of tracks) looks.push({ track, at, samples })
    this.#faults = this.#store.faults(at.wallMs)
    return Promise.resolve(looks)
  }

  faults(): readonly Fault[] {
    return this.#faults
  }

  stop(): Promise<void> {
    this.#ending ??= this.#end()
    return this.#ending
  }

  #open(counters: readonly Counter[], now: Instant): Look[] {
    const opened = this.#opened()
    const fresh = counters.filter(({ id }) => id > opened && !this.#tracks.has(id))
    const last = fresh.at(-1)
    if (last === undefined) return []
    const track = `${this.name}/${last.id}`
    for (const { id } of fresh) this.#tracks.set(id, track)
    const madeMs = Math.min(now.wallMs - 1, ...fresh.map((counter) => counter.madeMs))
    return [
      {
        track,
        at: instantAt(madeMs, now),
        samples: fresh.map((counter) => this.#sample(counter, 0n)),
        facts: new Map([[OPENED, `${this.#store.name} ${last.id}`]]),
      },
    ]
  }

  /** The last counter whose first reading is in a batch: by the spool's word, or by our own where it was lost. */
  #opened(): number {
    const [name, id = ''] = (this.#context.facts(OPENED) ?? '').split(' ')
    const bySpool = name === this.#store.name ? Number.parseInt(id, 10) : 0
    if (bySpool > this.#store.opened) this.#store.keepOpened(bySpool)
    return Math.max(bySpool, this.#store.opened)
  }

  #sample({ attributes, meter, resource, unit }: Counter, value: bigint): Sample {
    const life = this.#store.name
    return { resource, meter, unit, kind: 'counter', value, life, outlivesBoots: true, attributes }
  }
}
