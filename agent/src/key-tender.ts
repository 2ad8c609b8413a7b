import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { unwrap } from '@vouch/proto/kernel/fault.ts'
import type { Result } from '@vouch/proto/kernel/fault.ts'
import type { Signer } from '@vouch/proto/seal/seal.ts'
import type { IdentityStore } from './host/identity.ts'
import type { Logger } from './ports.ts'

/** What the tender works with. */
export interface KeyTenderOptions {
  readonly store: IdentityStore
  readonly stateDir: string
  /** Has the collector put the following key in force. */
  readonly rotate: (current: Signer, next: Signer) => Promise<Result<void>>
  /** Age at which a key is replaced, milliseconds. */
  readonly ageMaxMs: number
  readonly logger: Logger
  readonly wallMs: () => number
}

/** Between two tries of a rotation, milliseconds. */
const RETRY_MS = 30_000

/** The file by which somebody asks the running agent for a new key; gone once that is in force. */
export function rotationRequest(stateDir: string): string {
  return join(stateDir, 'rotate-key.request')
}

/**
 * The key in force of a running agent. It is replaced when it is old or when somebody asks, while looks and deliveries
 * go on: what was sealed by the old key before stays good.
 */
export class KeyTender {
  readonly #options: KeyTenderOptions
  #signer: Signer
  #rotating: Promise<void> | undefined
  #triedMs = Number.NEGATIVE_INFINITY
  #failure: string | undefined

  /** Throws KEY_UNKNOWN where the key file is damaged. */
  constructor(options: KeyTenderOptions) {
    this.#options = options
    this.#signer = unwrap(options.store.signer())
  }

  get signer(): Signer {
    return this.#signer
  }

  /** The following key, where a rotation has begun. */
  get following(): Signer | undefined {
    return this.#options.store.following()
  }

  /** Puts the following key in force, if there is one: the collector knows it already. */
  promote(): boolean {
    const promoted = this.#options.store.promote()
    this.#signer = unwrap(this.#options.store.signer())
    return promoted
  }

  /** Begins a rotation where one is due; returns at once. */
  tend(): void {
    if (this.#rotating !== undefined || !this.#isDue()) return
    this.#triedMs = performance.now()
    this.#rotating = this.#rotate().finally(() => (this.#rotating = undefined))
  }

  /** Waits for a rotation under way. */
  async settled(): Promise<void> {
    await this.#rotating
  }

  #isDue(): boolean {
    const { ageMaxMs, stateDir, store, wallMs } = this.#options
    if (performance.now() - this.#triedMs < RETRY_MS) return false
    return existsSync(rotationRequest(stateDir)) || wallMs() - store.keyMadeMs() > ageMaxMs
  }

  async #rotate(): Promise<void> {
    const { logger, rotate, stateDir, store } = this.#options
    const next = store.nextSigner()
    const rotated = await rotate(this.#signer, next)
    if (rotated.ok) {
      this.promote()
      this.#triedMs = Number.NEGATIVE_INFINITY
      this.#failure = undefined
      rmSync(rotationRequest(stateDir), { force: true })
      logger.info({ key: next.keyId.toHex() }, 'a new key is in force')
      return
    }
    const { code, message } = rotated.fault
    if (code !== this.#failure) logger.warn({ code }, `the key stays as it is: ${message}`)
    this.#failure = code
  }
}
