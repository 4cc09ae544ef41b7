import { existsSync } from 'node:fs'

/** Returns the path of a Chromium or Chrome, or `undefined` with a message if there is none. */
export function findChromium(): string | undefined {
  const path = [
    process.env.CHROMIUM,
    '/usr/bin/chromium',
    '/usr/bin/chromium-browser',
    '/usr/bin/google-chrome',
    '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  ].find((path) => path && existsSync(path))
  if (!path) console.log('Skipped tests in a browser: no Chromium found. Name one in CHROMIUM.')
  return path
}
