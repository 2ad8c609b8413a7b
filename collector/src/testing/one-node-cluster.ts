import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ClickHouseClient } from '@clickhouse/client'
import { Session } from 'chdb'
import { clickhouseFactory } from '../clickhouse/connect.ts'
import type { ClickHouseFactory } from '../clickhouse/connect.ts'

/** Name of the cluster that the configuration below defines. */
export const CLUSTER = 'metering'

/** A data directory whose engine knows a cluster of one shard with one replica: itself. */
export async function openClusterDirectory(): Promise<{
  readonly directory: string
  close(): Promise<void>
}> {
  const directory = await mkdtemp(join(tmpdir(), 'vouch-cluster-'))
  const config = join(directory, 'cluster.xml')
  await writeFile(
    config,
    `<clickhouse><tcp_port>9000</tcp_port>
      <remote_servers><${CLUSTER}><shard><internal_replication>true</internal_replication>
        <replica><host>127.0.0.1</host><port>9000</port></replica></shard></${CLUSTER}></remote_servers>
      <macros><shard>1</shard><replica>a</replica></macros>
    </clickhouse>`,
  )
  // The first connection brings the engine's configuration; those that follow share it.
  const session = new Session(join(directory, 'engine'), { connectionArgs: [`--config-file=${config}`] })
  const close = async (): Promise<void> => {
    session.close()
    await rm(directory, { recursive: true, force: true })
  }
  return { directory: join(directory, 'engine'), close }
}

/**
 * A server's clients whose schema statements run on the one node there is: the embedded engine has no queue of
 * them for a cluster and, without a coordination service, no replicated tables. All else is sent as it is.
 */
export function oneNodeClients(url: string): ClickHouseFactory {
  const open = clickhouseFactory({ clickhouseUrl: url, dataDir: undefined })
  return async () => {
    const client: ClickHouseClient = await open()
    const command = client.command.bind(client)
    client.command = (params) => command({ ...params, query: onOneNode(params.query) })
    return client
  }
}

function onOneNode(sql: string): string {
  return sql
    .replace(` ON CLUSTER ${CLUSTER}`, '')
    .replace(/\bReplicated(\w*MergeTree)\('[^']*', '[^']*'(?:, )?/, '$1(')
}
