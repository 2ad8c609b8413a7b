import type { ServiceDefinition, UntypedServiceImplementation, sendUnaryData } from '@grpc/grpc-js'

/** Field 1 of HealthCheckResponse as a varint. Source: grpc.health.v1.Health, health.proto. */
const STATUS_TAG = 0x08
const SERVING = 1
const NOT_SERVING = 2

/** grpc.health.v1.Health, Check only; the request's service name makes no difference. */
export const HEALTH_SERVICE: ServiceDefinition = {
  check: {
    path: '/grpc.health.v1.Health/Check',
    requestStream: false,
    responseStream: false,
    requestSerialize: (bytes: Buffer) => bytes,
    requestDeserialize: (bytes: Buffer) => bytes,
    responseSerialize: (bytes: Buffer) => bytes,
    responseDeserialize: (bytes: Buffer) => bytes,
  },
}

/** Answers SERVING while `ready` says so. */
export function healthHandlers(ready: () => Promise<boolean>): UntypedServiceImplementation {
  return {
    check: (_call: unknown, callback: sendUnaryData<Buffer>) => {
      ready().then(
        (serving) => callback(null, Buffer.of(STATUS_TAG, serving ? SERVING : NOT_SERVING)),
        () => callback(null, Buffer.of(STATUS_TAG, NOT_SERVING)),
      )
    },
  }
}
