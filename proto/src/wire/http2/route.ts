import type { DescMethod } from '@bufbuild/protobuf'
import type { Call } from './call.ts'

/** Takes a call over. */
export type Handler = (call: Call) => void

/** Handlers by the path of their method. */
export type Routes = ReadonlyMap<string, Handler>

/** The path of a method. Source: gRPC over HTTP/2, "Requests". */
export function pathOf(method: DescMethod): string {
  return `/${method.parent.typeName}/${method.name}`
}
