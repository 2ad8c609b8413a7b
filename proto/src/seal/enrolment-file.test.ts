import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { unwrap } from '../kernel/fault.ts'
import {
  enrolmentAnswerText,
  enrolmentRequestText,
  readEnrolmentAnswer,
  readEnrolmentRequest,
} from './enrolment-file.ts'
import { generateKeys, signerOf } from './seal.ts'

const AGENT = signerOf(generateKeys().privateKey)
const COLLECTOR = signerOf(generateKeys().privateKey)
const AGENT_ID = new Uint8Array(16).fill(3)
const claims = fc.record({ label: fc.string(), resource: fc.string(), agentVersion: fc.string() })
const REQUEST = enrolmentRequestText({ label: 'rack 7', resource: 'host:a', agentVersion: '1' }, AGENT)
const ANSWER = enrolmentAnswerText(AGENT_ID, AGENT.publicKey, COLLECTOR)

describe('the files of an enrolment', () => {
  it('say what was put into them', () => {
    fc.assert(
      fc.property(claims, (claim) => {
        const wellFormed = Object.fromEntries(
          Object.entries(claim).map(([name, text]) => [name, text.toWellFormed()]),
        ) as typeof claim
        const request = unwrap(readEnrolmentRequest(enrolmentRequestText(wellFormed, AGENT)))
        expect(request).toMatchObject(wellFormed)
        expect(request.publicKey.toHex()).toBe(AGENT.publicKey.toHex())
      }),
      { numRuns: 50 },
    )
    const answer = unwrap(readEnrolmentAnswer(ANSWER))
    expect(answer.agentId.toHex()).toBe(AGENT_ID.toHex())
    expect(answer.collectorPublicKey.toHex()).toBe(COLLECTOR.publicKey.toHex())
  })

  it.each([
    ['request', REQUEST, readEnrolmentRequest],
    ['answer', ANSWER, readEnrolmentAnswer],
  ])('%s: nothing in it can be changed', (_, text, read) => {
    const fields = JSON.parse(text) as Record<string, string>
    for (const [name, value] of Object.entries(fields)) {
      const other = name.endsWith('Key') || name === 'agentId' || name === 'signature' ? 'AAAA' : `${value}x`
      const changed = JSON.stringify({ ...fields, [name]: other })
      expect(read(changed), name).toMatchObject({ fault: { code: 'SIGNATURE_INVALID' } })
    }
  })

  it.each(['', '{}x', '[]', '{"secret":"x"}', 'vouch_token', '{"label":7}'])('%j is none of them', (text) => {
    expect(readEnrolmentRequest(text)).toMatchObject({ fault: { code: 'FIELD_INVALID' } })
    expect(readEnrolmentAnswer(text)).toMatchObject({ fault: { code: 'FIELD_INVALID' } })
  })

  it('one is not taken for the other', () => {
    expect(readEnrolmentRequest(ANSWER)).toMatchObject({ ok: false })
    expect(readEnrolmentAnswer(REQUEST)).toMatchObject({ ok: false })
  })
})
