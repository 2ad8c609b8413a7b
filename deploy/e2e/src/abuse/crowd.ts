import { connect } from 'node:net'

/** What this process is told to do. */
interface Task {
  readonly address: string
  readonly sockets: number
}

/** Half a TLS ClientHello, half an HTTP/2 preface, and nothing at all. */
const OPENINGS = [Buffer.from('16030102000100', 'hex'), Buffer.from('PRI * HTTP/2.0\r\n'), Buffer.alloc(0)]

/** One of the processes of a crowd: opens its sockets at once and keeps them; says how long that took. */
process.once('message', ({ address, sockets }: Task) => {
  const [host, port] = address.split(':')
  const startedMs = performance.now()
  let undecided = sockets
  const decided = (): void => {
    if (--undecided === 0) process.send?.({ tookMs: Math.round(performance.now() - startedMs) })
  }
  for (let index = 0; index < sockets; index++) {
    const socket = connect(Number(port), host)
    let connected = false
    socket.once('connect', () => {
      connected = true
      socket.write(OPENINGS[index % OPENINGS.length]!)
      decided()
    })
    socket.on('error', () => undefined)
    socket.resume()
    socket.once('close', () => {
      if (!connected) decided()
    })
  }
})
process.once('disconnect', () => process.exit(0))
