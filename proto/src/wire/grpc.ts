import { fromBinary, toBinary } from '@bufbuild/protobuf'
import type { DescMessage, DescMethod, DescService, MessageShape } from '@bufbuild/protobuf'
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2'
import * as grpc from '@grpc/grpc-js'
import { FAULTS, FaultError } from '../kernel/fault.ts'
import type { Fault } from '../kernel/fault.ts'
import { FAULT_KEY, faultBytes, faultOfBytes } from './fault-metadata.ts'

/**
 * Joins protobuf-es messages to grpc-js: service definitions for servers, typed clients, and faults
 * across the wire. Source: gRPC over HTTP/2 (paths, status codes); grpc-js `ServiceDefinition`.
 */

type Input<M extends GenServiceMethods[string]> = MessageShape<M['input']>
type Output<M extends GenServiceMethods[string]> = MessageShape<M['output']>
type Kind<M extends GenServiceMethods[string]> = M['methodKind']

/** A typed client of a service: unary calls as promises, streams as grpc-js streams. */
export type Client<Methods extends GenServiceMethods> = {
  readonly [Name in keyof Methods]: Kind<Methods[Name]> extends 'unary'
    ? (request: Input<Methods[Name]>, options?: grpc.CallOptions) => Promise<Output<Methods[Name]>>
    : Kind<Methods[Name]> extends 'server_streaming'
      ? (
          request: Input<Methods[Name]>,
          options?: grpc.CallOptions,
        ) => grpc.ClientReadableStream<Output<Methods[Name]>>
      : (options?: grpc.CallOptions) => grpc.ClientDuplexStream<Input<Methods[Name]>, Output<Methods[Name]>>
} & {
  /** Ends the channel. */
  close(): void
}

/** Handlers of a service, as grpc-js takes them. */
export type Handlers<Methods extends GenServiceMethods> = {
  readonly [Name in keyof Methods]?: Kind<Methods[Name]> extends 'unary'
    ? grpc.handleUnaryCall<Input<Methods[Name]>, Output<Methods[Name]>>
    : Kind<Methods[Name]> extends 'server_streaming'
      ? grpc.handleServerStreamingCall<Input<Methods[Name]>, Output<Methods[Name]>>
      : grpc.handleBidiStreamingCall<Input<Methods[Name]>, Output<Methods[Name]>>
}

/** The service as grpc-js wants it for `server.addService`. */
export function serviceDefinition(service: DescService): grpc.ServiceDefinition {
  return Object.fromEntries(
    service.methods.map((method) => [method.localName, methodDefinition(service, method)]),
  )
}

/** Adds a service with typed handlers to a server; a method without handler answers UNIMPLEMENTED. */
export function addService<Methods extends GenServiceMethods>(
  server: grpc.Server,
  service: GenService<Methods>,
  handlers: Handlers<Methods>,
): void {
  server.addService(serviceDefinition(service), handlers as grpc.UntypedServiceImplementation)
}

/** A client on one channel. */
export function makeClient<Methods extends GenServiceMethods>(
  service: GenService<Methods>,
  address: string,
  credentials: grpc.ChannelCredentials,
  options: grpc.ClientOptions = {},
): Client<Methods> {
  const raw = new grpc.Client(address, credentials, options)
  const calls = service.methods.map((method) => [method.localName, call(raw, service, method)])
  return { ...Object.fromEntries(calls), close: () => raw.close() } as Client<Methods>
}

/** Causes of a fault that travel with it: a header is small. */
const CAUSES_MAX = 20

/** A fault as the error that ends a call, with the fault itself in the trailing metadata, and the first twenty of its causes. */
export function faultToStatus(of: Fault): grpc.ServiceError {
  const metadata = new grpc.Metadata()
  const { causes, ...alone } = of
  metadata.set(
    FAULT_KEY,
    faultBytes(causes === undefined ? alone : { ...alone, causes: causes.slice(0, CAUSES_MAX) }),
  )
  const code: grpc.status = FAULTS[of.code].grpc
  return Object.assign(new Error(of.message), { code, details: of.message, metadata })
}

/** The fault behind an error from a call, or of anything thrown. */
export function faultOfError(error: unknown): Fault {
  if (error instanceof FaultError) return error.fault
  if (!isServiceError(error))
    return { code: 'INTERNAL', message: error instanceof Error ? error.message : String(error) }
  const carried = carriedFault(error.metadata)
  if (carried !== undefined) return carried
  const down = error.code === grpc.status.UNAVAILABLE || error.code === grpc.status.DEADLINE_EXCEEDED
  return { code: down ? 'UNAVAILABLE' : 'INTERNAL', message: plainly(error.details || error.message) }
}

/** What grpc-js wraps about the error of a socket is of no use to whoever reads it. */
function plainly(message: string): string {
  return message.replace(
    /^No connection established\. Last error: (?:Error: )?(.*?)\. Resolution note: .*$/sv,
    '$1',
  )
}

function isServiceError(error: unknown): error is grpc.ServiceError {
  return error instanceof Error && 'code' in error && 'details' in error && 'metadata' in error
}

function carriedFault(metadata: grpc.Metadata | undefined): Fault | undefined {
  const value = metadata?.get(FAULT_KEY)[0]
  return Buffer.isBuffer(value) ? faultOfBytes(value) : undefined
}

function methodDefinition(service: DescService, method: DescMethod): grpc.MethodDefinition<unknown, unknown> {
  const clientStreams = method.methodKind === 'client_streaming' || method.methodKind === 'bidi_streaming'
  const serverStreams = method.methodKind === 'server_streaming' || method.methodKind === 'bidi_streaming'
  return {
    path: `/${service.typeName}/${method.name}`,
    requestStream: clientStreams,
    responseStream: serverStreams,
    requestSerialize: serializer(method.input),
    requestDeserialize: (bytes) => fromBinary(method.input, bytes),
    responseSerialize: serializer(method.output),
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
  }
}

function serializer(schema: DescMessage): (message: unknown) => Buffer {
  return (message) => {
    const bytes = toBinary(schema, message as MessageShape<typeof schema>)
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }
}

function call(raw: grpc.Client, service: DescService, method: DescMethod): unknown {
  const { path, requestSerialize, responseDeserialize } = methodDefinition(service, method)
  if (method.methodKind === 'unary') {
    return (request: unknown, options: grpc.CallOptions = {}) =>
      new Promise((resolve, reject) => {
        raw.makeUnaryRequest(
          path,
          requestSerialize,
          responseDeserialize,
          request,
          options,
          (error, value) => {
            if (error === null) resolve(value)
            else reject(error)
          },
        )
      })
  }
  if (method.methodKind === 'server_streaming') {
    return (request: unknown, options: grpc.CallOptions = {}) =>
      raw.makeServerStreamRequest(path, requestSerialize, responseDeserialize, request, options)
  }
  return (options: grpc.CallOptions = {}) =>
    raw.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, options)
}
