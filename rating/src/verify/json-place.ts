const SPACE = /[ \t\r\n]*/y
const STRING = /"(?:[^"\\\p{Cc}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy
const SCALAR = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/y
const DEPTH_MAX = 100

/** Where a text that is not JSON goes wrong, as 'line 7, invoice.total'. */
export function brokenPlace(text: string): string {
  const { line, path } = firstFault(text)
  return path === '' ? `line ${line}` : `line ${line}, ${path}`
}

/** Line and member of a position in a JSON text. */
export function placeOf(text: string, position: number): string {
  // A control character is legal nowhere in JSON, so the text breaks there and not earlier.
  return brokenPlace(`${text.slice(0, position)}\u0001`)
}

function firstFault(text: string): { readonly line: number; readonly path: string } {
  let at = 0
  let broken = ''
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    at += found?.length ?? 0
    return found
  }
  const mark = (character: string): boolean => {
    take(SPACE)
    if (text[at] !== character) return false
    at += 1
    return true
  }
  const stop = (path: string): false => {
    broken = path
    return false
  }
  const members = (path: string, depth: number): boolean => {
    if (mark('}')) return true
    let member = path
    do {
      take(SPACE)
      const name = take(STRING)
      if (name === undefined || !mark(':')) return stop(path)
      member = `${path === '' ? '' : `${path}.`}${name.slice(1, -1)}`
      if (!value(member, depth + 1)) return false
    } while (mark(','))
    return mark('}') || stop(member)
  }
  const elements = (path: string, depth: number): boolean => {
    if (mark(']')) return true
    let i = -1
    do {
      i += 1
      if (!value(`${path}[${i}]`, depth + 1)) return false
    } while (mark(','))
    return mark(']') || stop(`${path}[${i}]`)
  }
  const value = (path: string, depth: number): boolean => {
    if (depth > DEPTH_MAX) return stop(path)
    if (mark('{')) return members(path, depth)
    if (mark('[')) return elements(path, depth)
    return take(STRING) !== undefined || take(SCALAR) !== undefined || stop(path)
  }
  value('', 0)
  return { line: text.slice(0, at).split('\n').length, path: broken }
}
