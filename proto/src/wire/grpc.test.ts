import { create } from '@bufbuild/protobuf'
import * as grpc from '@grpc/grpc-js'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  GetPolicyRequestSchema,
  GetPolicyResponseSchema,
  PolicyService,
} from '../gen/vouch/policy/v1/policy_pb.ts'
import { FAULTS } from '../kernel/fault.ts'
import type { FaultCode } from '../kernel/fault.ts'
import { addService, faultOfError, faultToStatus, makeClient } from './grpc.ts'

const server = new grpc.Server()
let port = 0
let answer: FaultCode | undefined

beforeAll(async () => {
  addService(server, PolicyService, {
    getPolicy: (call, reply) => {
      if (answer !== undefined) reply(faultToStatus({ code: answer, message: 'why', pointer: '/agent_id' }))
      else reply(null, create(GetPolicyResponseSchema, { policy: { keyId: call.request.agentId } }))
    },
  })
  port = await new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
})
afterAll(() => server.forceShutdown())

describe('a call through grpc-js', () => {
  it('carries every fault of the closed list, whole', async () => {
    const client = makeClient(PolicyService, `127.0.0.1:${port}`, grpc.credentials.createInsecure())
    for (const code of Object.keys(FAULTS) as FaultCode[]) {
      answer = code
      const error: unknown = await client.getPolicy(create(GetPolicyRequestSchema)).catch((e: unknown) => e)
      expect(faultOfError(error)).toEqual({ code, message: 'why', pointer: '/agent_id' })
      expect(error).toMatchObject({ code: FAULTS[code].grpc })
    }
    answer = undefined
    client.close()
  })

  it('carries messages', async () => {
    const client = makeClient(PolicyService, `127.0.0.1:${port}`, grpc.credentials.createInsecure())
    const agentId = new Uint8Array([1, 2, 3])
    const reply = await client.getPolicy({ $typeName: 'vouch.policy.v1.GetPolicyRequest', agentId })
    expect(Buffer.from(reply.policy!.keyId)).toEqual(Buffer.from(agentId))
    client.close()
  })

  it('translates a server that is not there', async () => {
    const client = makeClient(PolicyService, '127.0.0.1:1', grpc.credentials.createInsecure())
    const error: unknown = await client
      .getPolicy(
        { $typeName: 'vouch.policy.v1.GetPolicyRequest', agentId: new Uint8Array() },
        { deadline: Date.now() + 2000 },
      )
      .catch((e: unknown) => e)
    expect(faultOfError(error)).toEqual({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(/^connect ECONNREFUSED 127\.0\.0\.1:\d+$/) as string,
    })
    client.close()
  })
})
