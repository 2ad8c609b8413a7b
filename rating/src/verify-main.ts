#!/usr/bin/env node
import { runVerify } from './verify-cli.ts'

process.exitCode = await runVerify(process.argv.slice(2), process)
