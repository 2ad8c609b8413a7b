import { randomInt } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import type { Address } from '@vouch/proto/kernel/address.ts'
import { fail, ok } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { Instant } from '../reading/moment.ts'
import { TAG } from './ber.ts'
import type { Oid } from './ber.ts'
import { PDU } from './message.ts'
import type { Pdu, VarBind } from './message.ts'
import type { Engine, Security } from './security.ts'
import type { Awaited, UdpSockets } from './udp.ts'

/** What to ask for. */
export interface Question {
  readonly type: typeof PDU.GET | typeof PDU.GET_BULK
  readonly oids: readonly Oid[]
  /** GETBULK: how many of the identifiers are asked for once. */
  readonly nonRepeaters?: number
  readonly maxRepetitions?: number
}

/** What a device answered, and between which instants the values were read. */
export interface Answer {
  readonly varbinds: readonly VarBind[]
  readonly errorStatus: number
  readonly engine: Engine | undefined
  readonly sent: Instant
  readonly received: Instant
}

/** How a device is asked. */
export interface SessionOptions {
  /** Names the device in messages. */
  readonly name: string
  readonly address: Address
  readonly security: Security
  readonly sockets: UdpSockets
  readonly timeoutMs: number
  /** How often a question is sent again. */
  readonly retries: number
  now(): Instant
}

/** Questions asked again because of what was learnt about the engine, at most. */
const LEARNT_MAX = 3
const ID_MAX = 2 ** 31 - 1

/** Asks one device, one question at a time. */
export class Session {
  readonly #options: SessionOptions
  readonly #isNumeric: boolean
  #host: string | undefined

  constructor(options: SessionOptions) {
    this.#options = options
    this.#isNumeric = isIP(options.address.host) !== 0
  }

  /**
   * The device's answer to a question. Only a message of the device counts that has the question's id and, under v3,
   * is authentic and of now; nothing else ends the waiting. Faults: DEVICE_UNREACHABLE, DEVICE_REFUSED.
   */
  async ask(question: Question): Promise<Result<Answer>> {
    const { address, name } = this.#options
    const host = this.#isNumeric ? address.host : await this.#resolve()
    if (host === undefined)
      return fail('DEVICE_UNREACHABLE', `${name}: the name ${address.host} has no address`)
    const exchange = new Exchange(this.#options, { host, port: address.port }, question)
    const answer = await exchange.run()
    if (!answer.ok && answer.fault.code === 'DEVICE_UNREACHABLE') this.#host = undefined
    return answer
  }

  /** The agent's clocks now. */
  now(): Instant {
    return this.#options.now()
  }

  async #resolve(): Promise<string | undefined> {
    this.#host ??= await lookup(this.#options.address.host).then(
      ({ address }) => address,
      () => undefined,
    )
    return this.#host
  }
}

/** One question until its answer. */
class Exchange {
  readonly #options: SessionOptions
  readonly #id = randomInt(1, ID_MAX)
  readonly #pdu: Pdu
  readonly #awaited: Awaited | undefined
  readonly #done = Promise.withResolvers<Result<Answer>>()
  readonly #sent: Instant
  #timer: NodeJS.Timeout | undefined
  #triesLeft: number
  #learnt = 0
  #refusal: string | undefined
  #error: string | undefined

  constructor(options: SessionOptions, to: Address, question: Question) {
    this.#options = options
    this.#triesLeft = options.retries
    this.#pdu = {
      type: question.type,
      requestId: this.#id,
      errorStatus: question.nonRepeaters ?? 0,
      errorIndex: question.maxRepetitions ?? 0,
      varbinds: question.oids.map((oid) => ({ oid, tag: TAG.NULL, value: null })),
    }
    this.#sent = options.now()
    this.#awaited = options.sockets.await(to, this.#id, {
      onReply: (bytes) => this.#receive(bytes),
      onError: (error) => (this.#error = error.message),
    })
  }

  async run(): Promise<Result<Answer>> {
    this.#send()
    const answer = await this.#done.promise
    clearTimeout(this.#timer)
    this.#awaited?.end()
    return answer
  }

  #send(): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#late(), this.#options.timeoutMs)
    const monotonicMs = this.#options.now().boottimeMs
    this.#awaited?.send(this.#options.security.seal(this.#pdu, this.#id, monotonicMs))
  }

  #late(): void {
    if (this.#triesLeft > 0) {
      this.#triesLeft -= 1
      this.#send()
      return
    }
    const { name } = this.#options
    if (this.#refusal !== undefined) this.#done.resolve(fail('DEVICE_REFUSED', `${name}: ${this.#refusal}`))
    else if (this.#error !== undefined)
      this.#done.resolve(fail('DEVICE_UNREACHABLE', `${name}: nothing can be sent: ${this.#error}`))
    else this.#done.resolve(fail('DEVICE_UNREACHABLE', `${name} does not answer`))
  }

  #receive(bytes: Uint8Array): void {
    const received = this.#options.now()
    const opened = this.#options.security.open(bytes, this.#id, received.boottimeMs, this.#pdu.varbinds)
    if (opened.kind === 'refused') this.#refusal = opened.reason
    if (opened.kind === 'again' && this.#learnt < LEARNT_MAX) {
      this.#learnt += 1
      this.#send()
    }
    if (opened.kind !== 'pdu') return
    const { pdu, engine } = opened
    if (pdu.type !== PDU.RESPONSE || pdu.requestId !== this.#id) return
    const { errorStatus, varbinds } = pdu
    this.#done.resolve(ok({ varbinds, errorStatus, engine, sent: this.#sent, received }))
  }
}
