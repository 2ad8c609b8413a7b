import { create } from '@bufbuild/protobuf'
import {
  AgentKeySchema,
  RegisterKind,
  type SignedBatch,
  SignedBatchSchema,
  StreamDefinitionSchema,
} from '@vouch/proto/gen/vouch/ingest/v1/batch_pb.ts'
import { fromBase64, fromHex } from '@vouch/proto/kernel/bytes.ts'
import { type Result, ok, unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Archive, BatchPlace } from '../rate/ports.ts'
import {
  batchesQuery,
  betweenQuery,
  definitionsQuery,
  findQuery,
  keysQuery,
  newestQuery,
} from './archive-query.ts'
import { readInParts } from './in-parts.ts'
import { type Reader, type Row, bigintOf, integerOf, textOf } from './reader.ts'
import type { Query } from './usage-query.ts'

const IDS_PER_QUERY = 500
const NO_DIGEST = '0'.repeat(64)

/** The signed archive over the collector's versioned views. */
export function createArchive(reader: Reader): Archive {
  const inParts = async <In, Out>(
    all: readonly In[],
    query: (part: readonly In[]) => Query,
    parse: (row: Row) => Out,
  ): Promise<Result<Out[]>> => {
    const rows = await readInParts(all, IDS_PER_QUERY, async (part) => reader.rows(query(part)))
    return rows.ok ? ok(rows.value.flatMap((part) => part.map(parse))) : rows
  }
  return {
    find: (digests) => inParts(digests, findQuery, placeOf),
    newest: (agentIds) => inParts(agentIds, newestQuery, placeOf),
    between: async (run, after, before) => inParts([run], () => betweenQuery(run, after, before), placeOf),
    batches: async (places, withBody) => {
      const rows = await inParts(
        places,
        (part) => batchesQuery(part, withBody),
        (row) => row,
      )
      if (!rows.ok) return rows
      const byDigest = new Map(rows.value.map((row) => [textOf(row, 'digestHex'), row]))
      return ok(
        places.flatMap(({ digest }) => {
          const row = byDigest.get(digest)
          return row === undefined ? [] : [batchOf(row)]
        }),
      )
    },
    definitions: (streamIds) =>
      inParts(streamIds, definitionsQuery, (row) =>
        create(StreamDefinitionSchema, {
          streamId: hexOf(row, 'streamId'),
          resource: textOf(row, 'resource'),
          meter: textOf(row, 'meter'),
          unit: textOf(row, 'unit'),
          kind:
            integerOf(row, 'kind') === RegisterKind.INTEGRAL ? RegisterKind.INTEGRAL : RegisterKind.COUNTER,
          attributes: attributesOf(row),
        }),
      ),
    keys: (keys) =>
      inParts(keys, keysQuery, (row) =>
        create(AgentKeySchema, {
          agentId: hexOf(row, 'agentId'),
          keyId: hexOf(row, 'keyId'),
          publicKey: hexOf(row, 'publicKey'),
        }),
      ),
  }
}

function placeOf(row: Row): BatchPlace {
  const previous = textOf(row, 'previousHex')
  return {
    digest: textOf(row, 'digestHex'),
    agentId: textOf(row, 'agentId'),
    runId: textOf(row, 'runId'),
    sequence: bigintOf(row, 'sequence'),
    previous: previous === NO_DIGEST ? '' : previous,
    keyId: textOf(row, 'keyId'),
    lastMs: integerOf(row, 'lastMs'),
  }
}

function batchOf(row: Row): SignedBatch {
  const bytes = (column: string): Uint8Array => unwrap(fromBase64(textOf(row, column)))
  return create(SignedBatchSchema, {
    header: bytes('headerText'),
    body: bytes('bodyText'),
    signature: bytes('signatureText'),
    keyId: bytes('keyIdText'),
  })
}

function hexOf(row: Row, column: string): Uint8Array {
  return unwrap(fromHex(textOf(row, column)))
}

function attributesOf(row: Row): Record<string, string> {
  const { attributes } = row
  if (typeof attributes !== 'object' || attributes === null) throw new Error('column attributes is not a map')
  const entries = Object.entries(attributes).map(([name, value]) => [name, String(value)] as const)
  return Object.fromEntries(entries.toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
