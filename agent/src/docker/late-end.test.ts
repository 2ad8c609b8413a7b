import { rmSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Look, Source } from '../ports.ts'
import type { ContainerFacts } from './engine.ts'
import { Scene, group, parentOf, values } from './testing/scene.ts'

const A = 'a'.repeat(64)

let scene: Scene
const opened: Source[] = []
beforeEach(() => {
  scene = new Scene()
})
afterEach(async () => {
  await Promise.all(opened.splice(0).map(async (each) => each.stop?.()))
  rmSync(scene.root, { recursive: true })
})

describe('an end that is told late', () => {
  const path = `/docker/${A}`
  const events = `sys/fs/cgroup${path}/cgroup.events`
  const running = (looks: readonly Look[]): bigint | undefined =>
    looks
      .filter(({ track }) => track === `container ${A}`)
      .map((look) => values([look], `host:a/container:${A}`)['container.running'])
      .at(-1)
  const starts = async (more: Partial<ContainerFacts>): Promise<[Source, ContainerFacts]> => {
    scene.write({ ...group(path, 1000), ...parentOf('/docker', 1000), [events]: 'populated 1\n' })
    const metered = scene.source()
    opened.push(metered)
    await metered.look()
    scene.ms += 1000
    const container = scene.add(A, more)
    scene.tell('start', container)
    await metered.look()
    scene.ms += 2000
    return [metered, container]
  }

  it('H9: is when the engine has it, though another life has begun since', async () => {
    const [metered, container] = await starts({})
    const finishedMs = scene.wallMs()
    scene.ms += 1400
    scene.add(A, { finishedMs })
    scene.tell('die', container)
    expect(running(await metered.look())).toBe(2000n)
  })

  it('H9: is when its group emptied, where the engine has removed it', async () => {
    const [metered, container] = await starts({ autoRemove: true })
    await setTimeout(50)
    scene.write({ [events]: 'populated 0\n' })
    await setTimeout(100)
    scene.ms += 1400
    scene.containers.delete(A)
    scene.tell('die', container)
    expect(running(await metered.look())).toBe(2000n)
  })
})
