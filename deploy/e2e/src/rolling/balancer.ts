import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { AddressInfo, Socket } from 'node:net'

/** A service behind the balancer. */
export interface Backend {
  /** `host:port` of the service. */
  readonly address: string
  /** `host:port` of its /readyz. */
  readonly probes: string
}

/** A load balancer of TCP connections, as stands before a service in any data centre. */
export interface Balancer {
  /** `host:port`, on loopback. */
  readonly address: string
  /** Connections given to each backend, in their order. */
  readonly given: readonly number[]
  close(): Promise<void>
}

const PROBE_EVERY_MS = 200
const PROBE_TIMEOUT_MS = 1000

/** Gives each connection to the next backend whose /readyz is 200; where none is, the connection is cut. */
export async function startBalancer(backends: readonly Backend[]): Promise<Balancer> {
  const ready = backends.map(() => false)
  const given = backends.map(() => 0)
  const open = new Set<Socket>()
  let turn = 0
  const probe = async (): Promise<void> => {
    await Promise.all(backends.map(async ({ probes }, index) => void (ready[index] = await isReady(probes))))
  }
  const track = (socket: Socket): Socket => {
    open.add(socket)
    return socket.once('close', () => open.delete(socket))
  }
  const server = createServer((client) => {
    track(client).on('error', () => client.destroy())
    const choice = backends.map((_, step) => (turn + step) % backends.length).find((index) => ready[index])
    if (choice === undefined) {
      client.destroy()
      return
    }
    turn = choice + 1
    given[choice]! += 1
    const [host = '', port = ''] = backends[choice]!.address.split(':')
    const upstream = track(connect(Number.parseInt(port, 10), host))
    upstream.on('error', () => upstream.destroy())
    upstream.on('close', () => client.destroy())
    client.on('close', () => upstream.destroy())
    client.pipe(upstream).pipe(client)
  })
  await probe()
  const timer = setInterval(() => void probe(), PROBE_EVERY_MS)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    address: `127.0.0.1:${port}`,
    given,
    close: async () => {
      clearInterval(timer)
      for (const socket of open) socket.destroy()
      await new Promise<void>((closed) => void server.close(() => closed()))
    },
  }
}

/** Whether /readyz answers 200. */
export async function isReady(probes: string): Promise<boolean> {
  try {
    return (await fetch(`http://${probes}/readyz`, { signal: AbortSignal.timeout(PROBE_TIMEOUT_MS) })).ok
  } catch {
    return false
  }
}
