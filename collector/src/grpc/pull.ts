import { readFile } from 'node:fs/promises'
import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import {
  AgentService,
  CollectorFrameSchema,
  PullRequestSchema,
  PullResponseSchema,
} from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import type { AgentFrame, CollectorFrame } from '@vouch/proto/gen/vouch/ingest/v1/ingest_pb.ts'
import { isLoopback } from '@vouch/proto/kernel/address.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Fault, Result } from '@vouch/proto/kernel/fault.ts'
import { dialGrpc } from '@vouch/proto/wire/http2/client.ts'
import type { ClientTls, GrpcConnection } from '@vouch/proto/wire/http2/client.ts'
import type { OutgoingCall } from '@vouch/proto/wire/http2/outgoing-call.ts'
import { pathOf } from '@vouch/proto/wire/http2/route.ts'
import { STATUS } from '@vouch/proto/wire/http2/status.ts'
import type { ServerCertificate } from '@vouch/proto/wire/tls.ts'
import type { DialledWire, PulledDeps } from '../session/pulled.ts'
import type { WireWatcher } from '../session/wire.ts'

/** What agents are dialled with. */
export interface PullDialParts {
  /** This collector's own certificate, which it shows; without one no TLS is spoken, on loopback only. */
  readonly certificate: ServerCertificate | undefined
  /** Authority of the agents' certificates, PEM file; undefined = the system's. */
  readonly caFile: string | undefined
  /** Time to connect, milliseconds. */
  readonly timeoutMs: number
  /** Largest frame taken, octets. */
  readonly frameBytesMax: number
}

/** Dials agents over `AgentService.Pull`. Faults: CONFIG_INVALID where the authority cannot be read. */
export async function pullDialler(parts: PullDialParts): Promise<Result<PulledDeps['dial']>> {
  const { certificate, caFile, timeoutMs, frameBytesMax } = parts
  const authority = await authorityOf(caFile)
  if (!authority.ok) return authority
  const tls: ClientTls | undefined =
    certificate === undefined ? undefined : { ...certificate, authority: authority.value }
  return ok(async ({ agentId, address }, welcomed) => {
    if (tls === undefined && !isLoopback(address))
      return fail('CONFIG_INVALID', `VOUCH_TLS=off is for loopback only, and ${address} is not`)
    const dialled = await dialGrpc({ address, tls, timeoutMs })
    if (!dialled.ok) return dialled
    return ok(new PullWire(dialled.value, { agentId, frameBytesMax, welcomed }))
  })
}

async function authorityOf(file: string | undefined): Promise<Result<Buffer | undefined>> {
  if (file === undefined) return ok(undefined)
  try {
    return ok(await readFile(file))
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error)
    return fail('CONFIG_INVALID', `the certificate authority cannot be read: ${why}`, {
      pointer: 'VOUCH_TLS_CA_FILE',
    })
  }
}

interface WireParts {
  readonly agentId: string
  readonly frameBytesMax: number
  readonly welcomed: () => void
}

/** A connection to an agent that was dialled. */
class PullWire implements DialledWire {
  readonly peer: string
  readonly expects: Uint8Array
  readonly #connection: GrpcConnection
  readonly #call: OutgoingCall
  readonly #welcomed: () => void
  /** Why this side ended it. */
  #fault: Fault | undefined
  #isLeaving = false
  #leave = (): void => {}

  constructor(connection: GrpcConnection, { agentId, frameBytesMax, welcomed }: WireParts) {
    this.#connection = connection
    this.#call = connection.call(pathOf(AgentService.method.pull), frameBytesMax)
    this.#welcomed = welcomed
    this.peer = this.#call.peer
    this.expects = Uint8Array.fromHex(agentId)
  }

  get congested(): boolean {
    return this.#call.congested
  }

  async next(): Promise<AgentFrame['kind'] | undefined> {
    if (this.#isLeaving) return undefined
    const { promise, resolve, reject } = Promise.withResolvers<AgentFrame['kind'] | undefined>()
    this.#leave = () => resolve(undefined)
    this.#read().then(resolve, reject)
    return promise
  }

  send(kind: CollectorFrame['kind']): void {
    if (kind.case === 'welcome') this.#welcomed()
    const request = create(PullRequestSchema, { frame: create(CollectorFrameSchema, { kind }) })
    this.#call.write(toBinary(PullRequestSchema, request))
  }

  end(fault?: Fault): void {
    this.#fault ??= fault
    this.#call.end()
  }

  watch(watcher: WireWatcher): void {
    this.#call.watch(watcher)
  }

  hangUp(): void {
    this.#isLeaving = true
    this.#leave()
  }

  async close(): Promise<Fault | undefined> {
    this.#call.end()
    await this.#call.closed()
    this.#connection.close()
    return this.#fault ?? this.#call.fault
  }

  async #read(): Promise<AgentFrame['kind'] | undefined> {
    const bytes = await this.#call.next()
    if (bytes === undefined) return undefined
    try {
      return fromBinary(PullResponseSchema, bytes).frame?.kind ?? { case: undefined }
    } catch (error) {
      const details = `a message is not a ${PullResponseSchema.typeName}`
      this.#call.end({ code: STATUS.internal, details })
      throw error
    }
  }
}
