import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createHostFiles } from '../../host/host-files.ts'
import type { Source } from '../../ports.ts'
import { createDockerSource } from '../docker-source.ts'
import type { ContainerFacts, Engine, EngineEvent } from '../engine.ts'

/** A logger that says nothing. */
export const quiet = { debug() {}, info() {}, warn() {}, error() {} }

/** Time, a tree of files, and an engine that says what it is told to. */
export class Scene implements Engine {
  readonly bootId = new Uint8Array(16)
  readonly root = mkdtempSync(join(tmpdir(), 'vouch-docker-'))
  readonly containers = new Map<string, ContainerFacts>()
  ms = 1_000_000
  refuses: Error | undefined
  #tell: ((event: EngineEvent) => void) | undefined

  wallMs = (): number => 1_800_000_000_000 + this.ms
  monotonicMs = (): number => this.ms
  boottimeMs = (): number => this.ms

  running = (): Promise<string[]> =>
    Promise.resolve([...this.containers.values()].filter((each) => each.running).map(({ id }) => id))
  inspect = (id: string): Promise<ContainerFacts | undefined> => Promise.resolve(this.containers.get(id))
  events: Engine['events'] = ({ untilMs }, signal, onEvent) => {
    if (untilMs !== undefined) return Promise.resolve()
    this.#tell = onEvent
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve()))
  }

  write(files: Readonly<Record<string, string>>): void {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(this.root, path)), { recursive: true })
      writeFileSync(join(this.root, path), text)
    }
  }

  /** A container that has run since now. */
  add(id: string, more: Partial<ContainerFacts> = {}): ContainerFacts {
    const startedMs = this.wallMs()
    const facts: ContainerFacts = {
      id,
      name: `name-${id[0]}`,
      image: 'image',
      labels: { team: 'x', other: 'y' },
      running: true,
      paused: false,
      pid: 77,
      startedAt: `started ${startedMs}`,
      startedMs,
      finishedMs: undefined,
      autoRemove: false,
      networkMode: 'bridge',
      cpuThousandths: undefined,
      memoryLimit: undefined,
      ...more,
    }
    this.containers.set(id, facts)
    return facts
  }

  tell(action: EngineEvent['action'], { id, name, image, labels }: ContainerFacts): void {
    this.#tell?.({ action, id, timeMs: this.wallMs(), name, image, labels })
  }

  connect = (): Promise<Engine> =>
    this.refuses === undefined ? Promise.resolve(this) : Promise.reject(this.refuses)

  source(facts: (key: string) => string | undefined = () => undefined): Source {
    const files = createHostFiles(this.root)
    const socket = '/run/engine.sock'
    const { connect } = this
    return createDockerSource({
      files,
      resource: 'host:a',
      clock: this,
      logger: quiet,
      facts,
      socket,
      labels: ['team'],
      connect,
    })
  }
}
