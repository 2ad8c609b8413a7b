/** Devices in a process of their own. See ours.ts. */
import { startDevices } from './devices.ts'

/** What the process of the devices is asked to do; it answers how many questions it has been asked. */
export type SimulatorMessage =
  | { readonly do: 'start'; readonly devices: number; readonly interfaces: number; readonly port: number }
  | { readonly do: 'count' }

let asked = (): number => 0
process.on(
  'message',
  (message: SimulatorMessage) => void answer(message).then((count) => process.send?.(count)),
)

async function answer(message: SimulatorMessage): Promise<number> {
  if (message.do === 'start') asked = await startDevices(message.devices, message.interfaces, message.port)
  return asked()
}
