import { describe, expect, it } from 'vitest'
import { address, isLoopback, parseAddress, withPort } from './address.ts'

describe('an address', () => {
  it.each([
    ['localhost:7410', 'localhost', 7410],
    ['0.0.0.0:0', '0.0.0.0', 0],
    ['[::1]:65535', '::1', 65_535],
    ['vouch_1.example.net:80', 'vouch_1.example.net', 80],
  ])('%s is a host and a port', (text, host, port) => {
    expect(parseAddress(text)).toEqual({ ok: true, value: { host, port } })
    expect(address(text)).toEqual({ ok: true, value: text })
  })

  it.each([
    '',
    'localhost',
    ':80',
    'localhost:',
    'localhost:65536',
    '::1:80',
    'a b:80',
    'a:80 ',
    'http://a:80',
    'a:-1',
  ])('%j is none', (text) => {
    expect(parseAddress(text)).toMatchObject({ ok: false, fault: { code: 'CONFIG_INVALID' } })
  })

  it('keeps its host when it gets another port', () => {
    expect(withPort('[::]:0', 7410)).toBe('[::]:7410')
    expect(() => withPort('localhost', 1)).toThrow('host:port')
  })

  it.each([
    ['localhost:1', true],
    ['127.1.2.3:1', true],
    ['[::1]:1', true],
    ['127.evil.example:1', false],
    ['0.0.0.0:1', false],
    ['localhost.example:1', false],
    ['localhost', false],
  ])('%s is loopback: %s', (text, loopback) => {
    expect(isLoopback(text)).toBe(loopback)
  })
})
