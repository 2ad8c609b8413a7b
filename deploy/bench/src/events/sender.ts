import { Agent, request } from 'node:http'
import { MEDIA_TYPE } from './shape.ts'

/** Sends bodies over so many connections, each the next one once its last is answered. Throws where an answer is not 200. */
export async function sendAll(port: number, bodies: readonly Buffer[], connections: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const next = bodies.values()
  const sender = async (): Promise<void> => {
    for (const body of next) await send(agent, port, body)
  }
  try {
    await Promise.all(Array.from({ length: connections }, sender))
  } finally {
    agent.destroy()
  }
}

async function send(agent: Agent, port: number, body: Buffer): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const headers = { 'content-type': MEDIA_TYPE, 'content-length': body.length }
  const where = { agent, host: '127.0.0.1', port, path: '/v1/events', method: 'POST', headers }
  const call = request(where, (response) => {
    response.resume().on('end', resolve)
    if (response.statusCode !== 200) reject(new Error(`the agent answered ${response.statusCode}`))
  })
  call.on('error', reject).end(body)
  await promise
}
