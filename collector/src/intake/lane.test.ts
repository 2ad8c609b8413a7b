import { describe, expect, it } from 'vitest'
import { Lane } from './lane.ts'

describe('a lane', () => {
  it('knows what follows a batch before the archive does, also where the run of that batch is loaded later', () => {
    const lane = new Lane(new Uint8Array(16))
    const clone = lane.adopt('clone', undefined, undefined)
    lane.advance(clone, { sequence: 1n, digest: 'c1' }, 'd4')
    expect(lane.firstAfter('d4')).toBe('c1')
    expect(lane.adopt('run', { sequence: 4n, digest: 'd4' }, undefined).successor).toBe('c1')
  })

  it('forgets it with everything else when an insert is given up', () => {
    const lane = new Lane(new Uint8Array(16))
    lane.advance(lane.adopt('clone', undefined, undefined), { sequence: 1n, digest: 'c1' }, 'd4')
    lane.reset()
    expect(lane.firstAfter('d4')).toBeUndefined()
  })

  it('what follows a batch does not follow the next one, be it admitted here or found in the archive', () => {
    const lane = new Lane(new Uint8Array(16))
    // The archive got the fourth batch by another collector between two questions about the third.
    const run = lane.adopt('run', { sequence: 3n, digest: 'd3' }, 'd4')
    expect(run.successor).toBe('d4')
    lane.advance(run, { sequence: 4n, digest: 'd4' }, 'd3')
    expect(run.successor).toBeUndefined()
    lane.adopt('run', { sequence: 4n, digest: 'd4' }, 'd5')
    lane.adopt('run', { sequence: 5n, digest: 'd5' }, undefined)
    expect(run.successor).toBeUndefined()
  })

  it('is inherited once it meets a run that it did not take, or goes on with another run', () => {
    const lane = new Lane(new Uint8Array(16))
    lane.advance(lane.adopt('run', undefined, undefined), { sequence: 1n, digest: 'd1' }, '')
    lane.advance(lane.adopt('run', undefined, undefined), { sequence: 2n, digest: 'd2' }, 'd1')
    expect(lane.inherited).toBe(false)
    const next = lane.adopt('next', undefined, undefined)
    lane.advance(next, { sequence: 1n, digest: 'n1' }, 'd2')
    expect(lane.inherited).toBe(true)
    lane.inherited = false
    lane.advance(lane.run('run')!, { sequence: 3n, digest: 'd3' }, 'd2')
    expect(lane.inherited).toBe(true)
    const other = new Lane(new Uint8Array(16))
    other.adopt('run', { sequence: 3n, digest: 'd3' }, undefined)
    expect(other.inherited).toBe(true)
  })
})
