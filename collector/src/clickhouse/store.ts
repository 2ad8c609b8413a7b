import type { ClickHouseClient } from '@clickhouse/client'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import type { DayStore } from '../audit/day-store.ts'
import type { Archive, Hex, Logger } from '../ports.ts'
import type { Quarantine } from '../quarantine/ports.ts'
import type { RetentionPolicy } from '../retention/policy.ts'
import { createArchive, guarded } from './archive.ts'
import type { ClickHouseFactory } from './connect.ts'
import { createDayStore } from './day-store.ts'
import { findForks } from './forks.ts'
import { embeddedInserter, serverInserter } from './insert.ts'
import type { Inserter } from './insert.ts'
import { Journal, SILENT_MS, recover } from './journal.ts'
import { migrateClickHouse } from './migrate.ts'
import { checkSchema, checkWrites, readSchema } from './probe.ts'
import { countOpen, createQuarantine } from './quarantine.ts'
import { applyRetention } from './retention.ts'
import { createQueries } from './rows.ts'
import type { Topology } from './topology.ts'

/** The archive with its clients. */
export interface ClickHouseStore {
  readonly archive: Archive
  readonly days: DayStore
  readonly quarantine: Quarantine
  /** How many batches in quarantine wait for a decision. */
  countOpen(): Promise<Result<number>>
  /**
   * Whether the store answers, has the schema it was opened with, and takes writes, tried where the last one failed.
   * Faults: STORE_…, DISK_FULL.
   */
  ping(): Promise<Result<void>>
  /** As findForks. */
  forks(agentIds: readonly Hex[], sinceMs: number): Promise<Result<readonly Hex[]>>
  /**
   * Tells other collectors that this one lives, and stores what follows from signed batches that one which died did not come
   * to store. Gives the number of these batches. Faults: STORE_…, DISK_FULL.
   */
  recover(): Promise<Result<number>>
  close(): Promise<void>
}

/** Opens clients for writing, reading and probing, migrates, and brings retention to the policy. Throws a FaultError: STORE_…, DISK_FULL. */
export async function openStore(
  factory: ClickHouseFactory,
  options: {
    readonly database: string
    readonly embedded: boolean
    readonly topology: Topology
    /** Undefined = it is left as it is. */
    readonly retention?: { readonly policy: RetentionPolicy; readonly logger: Logger }
  },
): Promise<ClickHouseStore> {
  const { database, embedded, topology, retention } = options
  const clients: ClickHouseClient[] = []
  const open = async (): Promise<ClickHouseClient> => {
    const client = await factory()
    clients.push(client)
    return client
  }
  try {
    const inserting = await open()
    unwrap(await migrateClickHouse(inserting, database, topology))
    if (retention !== undefined) {
      const { policy, logger } = retention
      unwrap(await applyRetention(inserting, { database, topology }, policy, logger))
    }
    const { writer, journal, recoverLeft, closeInserters } = await openJournal(inserting, open, options)
    const [reader, prober, auditor] = [await open(), await open(), await open()]
    const schema = unwrap(await readSchema(prober, database))
    const writes = watchWrites(createArchive({ journal, reader, database, topology }))
    // The embedded engine died with whoever wrote to it. What cannot be made up for now is looked for again.
    if (embedded) await guarded(() => recoverLeft(0))
    return {
      archive: writes.archive,
      quarantine: createQuarantine(reader, writer, database),
      countOpen: () => countOpen(prober, database),
      days: createDayStore(await open(), database, topology),
      forks: (agentIds, sinceMs) => findForks(auditor, database, agentIds, sinceMs),
      recover: () =>
        guarded(async () => {
          await journal.say()
          return recoverLeft(SILENT_MS)
        }),
      ping: async () => {
        const checked = await checkSchema(prober, database, schema)
        const fault = writes.fault()
        if (!checked.ok || fault === undefined) return checked
        // What an insert lacks, a probe does not need: only an insert that works shows that it is there again.
        if (fault.code === 'STORE_OLDER_VERSION') return { ok: false, fault }
        return writes.note(await checkWrites(prober, database, embedded))
      },
      close: async () => {
        // Where it cannot be said, the next one looks and finds nothing left.
        await guarded(() => journal.end())
        await closeInserters()
        await Promise.all(clients.map((client) => client.close()))
      },
    }
  } catch (error) {
    await Promise.all(clients.map((client) => client.close()))
    throw error
  }
}

/** What writes, and what makes up for those that died; each with a client of its own. */
async function openJournal(
  inserting: ClickHouseClient,
  open: () => Promise<ClickHouseClient>,
  { database, embedded, topology }: Parameters<typeof openStore>[1],
) {
  const inserterOn = async (client: ClickHouseClient): Promise<Inserter> =>
    embedded ? embeddedInserter(client, database) : serverInserter(client, database, topology)
  const place = { queries: createQueries(await open()), database, topology }
  const [writer, other] = [await inserterOn(inserting), await inserterOn(await open())]
  return {
    writer,
    journal: new Journal({ ...place, inserter: writer }),
    recoverLeft: (silentMs: number) => recover({ ...place, inserter: other }, silentMs),
    closeInserters: async () => {
      await writer.close()
      await other.close()
    },
  }
}

/** The archive, with the fault of the last write remembered. */
function watchWrites(archive: Archive): {
  readonly archive: Archive
  fault(): Fault | undefined
  note(result: Result<void>): Result<void>
} {
  let fault: Fault | undefined
  const note = (result: Result<void>): Result<void> => {
    fault = result.ok ? undefined : result.fault
    return result
  }
  const watched = {
    ...archive,
    commit: async (group) => note(await archive.commit(group)),
    addKey: async (key) => note(await archive.addKey(key)),
  } satisfies Archive
  return { archive: watched, fault: () => fault, note }
}
