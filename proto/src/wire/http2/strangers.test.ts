import * as fc from 'fast-check'
import { expect, it } from 'vitest'
import { Strangers } from './strangers.ts'

const LIMITS = { socketsMax: 3, bytesMax: 100, silentMs: 1_000 }

class FakeSocket {
  bytesRead = 0
  destroyed = false
  destroy(): void {
    this.destroyed = true
  }
}

function arrivals(count: number): { strangers: Strangers; sockets: FakeSocket[] } {
  const strangers = new Strangers(LIMITS)
  const sockets = Array.from({ length: count }, () => new FakeSocket())
  sockets.forEach((socket, index) => strangers.arrive(`peer:${index}`, socket, index))
  return { strangers, sockets }
}

const gone = (sockets: readonly FakeSocket[]): boolean[] => sockets.map(({ destroyed }) => destroyed)

it('whatever happens, strangers stay within their bound and no agent is dropped for them', () => {
  const step = fc.record({
    what: fc.constantFrom('arrive', 'call', 'authenticate', 'leave'),
    who: fc.nat(20),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const strangers = new Strangers(LIMITS)
      const open = new Map<string, FakeSocket>()
      const agents = new Set<string>()
      steps.forEach(({ what, who }, nowMs) => {
        const peer = `peer:${who}`
        const here = open.get(peer)?.destroyed === false
        if (what === 'arrive' && !here) {
          open.set(peer, new FakeSocket())
          agents.delete(peer)
          strangers.arrive(peer, open.get(peer)!, nowMs)
        } else if (what === 'call') strangers.call(peer)
        else if (what === 'authenticate' && here) {
          strangers.authenticate(peer)
          agents.add(peer)
        } else if (what === 'leave') {
          strangers.leave(peer)
          open.delete(peer)
          agents.delete(peer)
        }
        strangers.sweep(nowMs)
        expect(strangers.size).toBeLessThanOrEqual(LIMITS.socketsMax)
      })
      for (const peer of agents) expect(open.get(peer)!.destroyed).toBe(false)
    }),
  )
})

it('a newer stranger replaces the oldest', () => {
  const { strangers, sockets } = arrivals(3)
  strangers.authenticate('peer:0')
  const more = [new FakeSocket(), new FakeSocket()]
  more.forEach((socket, index) => strangers.arrive(`more:${index}`, socket, 10))
  expect(gone(sockets)).toEqual([false, true, false])
  expect(gone(more)).toEqual([false, false])
})

it('silence ends with the time for it, unless a call was opened', () => {
  const { strangers, sockets } = arrivals(2)
  strangers.call('peer:1')
  strangers.sweep(999)
  expect(gone(sockets)).toEqual([false, false])
  strangers.sweep(1_000)
  expect(gone(sockets)).toEqual([true, false])
})

it('sending much is for agents only, and what an agent sent is not held against it afterwards', () => {
  const { strangers, sockets } = arrivals(2)
  strangers.authenticate('peer:0')
  for (const socket of sockets) socket.bytesRead = 101
  strangers.sweep(5)
  expect(gone(sockets)).toEqual([false, true])
  strangers.part('peer:0', 6)
  strangers.sweep(7)
  expect(gone(sockets)).toEqual([false, true])
  sockets[0]!.bytesRead = 202
  strangers.sweep(8)
  expect(gone(sockets)).toEqual([true, true])
})

it('an agent with two conversations on one socket is known until the second has ended', () => {
  const { strangers, sockets } = arrivals(1)
  strangers.authenticate('peer:0')
  strangers.authenticate('peer:0')
  strangers.part('peer:0', 1)
  expect(strangers.size).toBe(0)
  strangers.part('peer:0', 2)
  expect(strangers.size).toBe(1)
  strangers.sweep(1_002)
  expect(gone(sockets)).toEqual([true])
})
