import type { Clock, Look, Sample, Source } from '@vouch/agent/index.ts'

const HOUR_MS = 3_600_000
const OCTETS_PER_MIB = 1_048_576n

/** How a host behaves over virtual time. */
export interface HostScript {
  /** Resource id. */
  readonly resource: string
  /** Thousandths of a core in use, all the time. */
  readonly milliCores: bigint
  /** Memory held at an instant, MiB. */
  readonly memoryMib: (atMs: number) => bigint
  /** When the host booted last before an instant, epoch milliseconds. */
  readonly bootedMs: (atMs: number) => number
}

/** A host on virtual time: its counters are exact functions of the instant. */
export interface VirtualHost {
  readonly clock: Clock
  readonly source: Source
  /** Moves time to an instant, epoch milliseconds. */
  moveTo(atMs: number): void
}

/** Makes a host at an instant. */
export function virtualHost(script: HostScript, startMs: number): VirtualHost {
  let nowMs = startMs
  const sinceBoot = (): number => nowMs - script.bootedMs(nowMs)
  const bootId = (): Uint8Array => {
    const id = new Uint8Array(16)
    new DataView(id.buffer).setBigUint64(8, BigInt(script.bootedMs(nowMs) / HOUR_MS))
    return id
  }
  const clock: Clock = {
    wallMs: () => nowMs,
    monotonicMs: sinceBoot,
    boottimeMs: sinceBoot,
    get bootId() {
      return bootId()
    },
  }
  const { resource } = script
  const samples = (): readonly Sample[] => [
    { resource, meter: 'host.cpu.used', value: (BigInt(sinceBoot()) * script.milliCores) / 1000n },
    { resource, meter: 'host.memory.held', value: script.memoryMib(nowMs) * OCTETS_PER_MIB },
  ]
  const look = async (): Promise<readonly Look[]> => [{ samples: samples() }]
  return { clock, source: { name: 'virtual', look }, moveTo: (atMs) => void (nowMs = atMs) }
}
