// Healthy when the URL answers 2xx. The certificate names the service, not loopback, so it is not checked here.
import { get as getHttp } from 'node:http'
import { get as getHttps } from 'node:https'

const url = process.argv[2]
const get = url.startsWith('https:') ? getHttps : getHttp
get(url, { rejectUnauthorized: false, timeout: 2000 }, (response) => {
  process.exit(response.statusCode >= 200 && response.statusCode < 300 ? 0 : 1)
}).on('error', () => process.exit(1))
