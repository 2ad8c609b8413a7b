/** A resource and everything it lies below: 'a/b/c' gives 'a', 'a/b', 'a/b/c'. */
export function selfAndAncestors(resource: string): string[] {
  const segments = resource.split('/')
  return segments.map((_, i) => segments.slice(0, i + 1).join('/'))
}
