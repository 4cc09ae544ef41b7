import { existsSync } from 'node:fs'
import { chromium } from 'playwright-core'
import { describe, expect, it } from 'vitest'
import { bundle } from '../build.js'

const browser = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
].find((path) => path && existsSync(path))

if (browser === undefined)
  console.log('Skipped the example in a browser: no Chromium found. Name one in CHROMIUM.')

describe('the example', () => {
  it('is one script for browsers, which imports nothing', async () => {
    const script = await bundle()
    expect(script).not.toMatch(/^import |\brequire\(|from "node:/m)
  })

  it.skipIf(browser === undefined)('caches and limits in Chromium', async () => {
    const launched = await chromium.launch({
      executablePath: browser!,
      args: ['--no-sandbox', '--disable-dev-shm-usage'],
    })
    try {
      const page = await launched.newPage()
      const errors: string[] = []
      page.on('pageerror', (error) => errors.push(String(error.stack)))
      page.on('console', (message) => errors.push(message.text()))
      await page.addScriptTag({ content: await bundle(), type: 'module' })
      const lines = () => page.locator('p').allTextContents()
      await expect
        .poll(async () => [...errors, ...(await lines())].at(-1), { timeout: 20_000 })
        .toBe('done: 2 loads')
      expect(errors).toEqual([])
      expect(await lines()).toEqual([
        'first read: Ada, load 1',
        'second read: Ada, load 1',
        'two minutes later: Ada, load 2',
        'after a write: Grace ☕',
        'click 1: allowed',
        'click 2: allowed',
        'click 3: allowed',
        'click 4: denied',
        'click 5: denied',
        'done: 2 loads',
      ])
    } finally {
      await launched.close()
    }
  })
})
