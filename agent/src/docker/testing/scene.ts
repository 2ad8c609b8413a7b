import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createHostFiles } from '../../host/host-files.ts'
import type { Look, Sample, Source } from '../../ports.ts'
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

/** Files of a group under v2. */
export const group = (path: string, cpuUs: number): Record<string, string> => ({
  'sys/fs/cgroup/cgroup.controllers': 'cpu io memory\n',
  [`sys/fs/cgroup${path}/cpu.stat`]: `usage_usec ${cpuUs}\nuser_usec 1\n`,
  [`sys/fs/cgroup${path}/memory.current`]: '5000\n',
  [`sys/fs/cgroup${path}/memory.stat`]: 'anon 1\ninactive_file 1000\nactive_file 9\n',
  [`sys/fs/cgroup${path}/io.stat`]: '8:0 rbytes=100 wbytes=200 rios=1\n',
})
/** Files of the group above it. */
export const parentOf = (path: string, cpuUs: number): Record<string, string> => ({
  [`sys/fs/cgroup${path}/cpu.stat`]: `usage_usec ${cpuUs}\n`,
})
/** All samples of looks. */
export const flat = (looks: readonly Look[]): Sample[] => looks.flatMap(({ samples }) => samples)
/** Values of a resource by meter, the last of each. */
export const values = (looks: readonly Look[], resource: string): Record<string, bigint> =>
  Object.fromEntries(
    flat(looks)
      .filter((each) => each.resource === resource)
      .map(({ meter, value }) => [meter, value]),
  )
