/** gRPC status codes used by the catalogue. Source: grpc.io, "Status codes and their use in gRPC". */
export const GRPC = {
  INVALID_ARGUMENT: 3,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const

/** What the catalogue says about one fault code. */
export interface FaultEntry {
  /** HTTP status of the problem document. */
  readonly http: number
  /** gRPC status code. */
  readonly grpc: number
  /** What happened, one sentence. */
  readonly meaning: string
  /** What the reader should do, one sentence. */
  readonly remedy: string
}

/** A group of the catalogue. */
export type FaultTable = Readonly<Record<string, FaultEntry>>
