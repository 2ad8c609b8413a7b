import { Type } from '@fastify/type-provider-typebox'
import { create } from '@bufbuild/protobuf'
import { UsageCorrectionSchema } from '@vouch/proto/gen/vouch/rating/v1/usage_pb.ts'
import { throwFault } from '@vouch/proto/kernel/fault.ts'
import { uuidV7 } from '@vouch/proto/kernel/id.ts'
import { signUsageCorrection } from '@vouch/proto/seal/usage-correction.ts'
import { findCorrection, insertCorrection, lockCorrections } from '../../postgres/usage-corrections.ts'
import { found, write } from '../operation.ts'
import { Uuid } from '../schemas.ts'
import { UsageCorrectionReply, WithdrawalBody, usageCorrectionView } from '../usage-correction-view.ts'

/** POST /v1/usage-corrections/{correction}/withdrawal */
export const withdrawUsageCorrection = write({
  id: 'withdrawUsageCorrection',
  path: '/v1/usage-corrections/:correction/withdrawal',
  scope: 'write',
  summary: 'Let a correction of usage hold no more, by an entry of its own; the entry stays',
  status: 201,
  action: 'usage-correction.withdraw',
  params: Type.Object({ correction: Uuid }),
  body: WithdrawalBody,
  reply: UsageCorrectionReply,
  run: async ({ sql, chance, issuer }, { params: { correction: id }, body }) => {
    await lockCorrections(sql)
    const enteredMs = chance.nowMs()
    const { entry, withdrawnBy } = found(await findCorrection(sql, id), `correction ${id}`)
    if (entry.kind === 'withdraw')
      throwFault('FIELD_INVALID', 'a withdrawal is final; enter the correction again', {
        pointer: '/correction',
      })
    if (withdrawnBy !== undefined)
      throwFault('ALREADY_EXISTS', `it was withdrawn by ${withdrawnBy}`, { pointer: '/correction' })
    const { resource, meter, period } = entry
    const withdrawal = signUsageCorrection(
      create(UsageCorrectionSchema, {
        correctionId: uuidV7(enteredMs, chance.random(10)),
        kind: 'withdraw',
        resource,
        meter,
        ...(period === undefined ? {} : { period }),
        withdraws: id,
        ...body,
        enteredMs: BigInt(enteredMs),
      }),
      issuer,
    )
    await insertCorrection(sql, withdrawal)
    return { reply: usageCorrectionView(withdrawal), subject: id }
  },
})
