// Runs a command of Next.js, such as `start -p 4000`, and ends with the process that started it.
import { createRequire } from 'node:module'

process.stdin.on('end', () => process.exit()).resume()
await import(createRequire(import.meta.url).resolve('next/dist/bin/next'))
