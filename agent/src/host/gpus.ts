import type { HostFiles } from './host-files.ts'
import { part } from './part.ts'
import type { Part } from './part.ts'

/**
 * Processors for graphics, declared unavailable: what their drivers tell is a share of the last moment, sampled, and
 * no counter of work. A render node stands for a processor that computes; a display adapter alone has none. The name is
 * outside the catalogue of meters, for nothing counts it.
 */
export async function gpus(files: HostFiles): Promise<Part> {
  const nodes = (await files.names('sys/class/drm')).filter((name) => /^renderD\d+$/.test(name))
  const nvidia = await files.names('proc/driver/nvidia/gpus')
  const seen = [...nodes, ...nvidia]
  if (seen.length === 0) return part([])
  const reason = `the driver tells a momentary share and no counter (seen: ${seen.join(', ')})`
  return part([], [{ meter: 'host.gpu.used', reason }])
}
