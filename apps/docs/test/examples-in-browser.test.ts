import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'

const START = 180_000
const executable = [
  process.env.CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
].find((path) => path && existsSync(path))

if (executable === undefined)
  console.log('Skipped the examples in a browser: no Chromium found. Name one in CHROMIUM.')

const cases = [390, 1280].flatMap((width) =>
  (['light', 'dark'] as const).map((colorScheme) => ({ width, colorScheme })),
)

describe.skipIf(executable === undefined).each(cases)(
  'at $width px in the $colorScheme theme',
  ({ width, colorScheme }) => {
    it('the examples run, can be used by keyboard, and report no errors', async () => {
      const viewport = { width, height: 900 }
      const page = await browser.newPage({ viewport, colorScheme, reducedMotion: 'reduce' })
      const errors = errorsOf(page)
      page.setDefaultTimeout(20_000)
      try {
        await page.goto(`${site}examples`)
        await expect.poll(() => page.locator('.example[aria-busy=false]').count()).toBe(4)

        const naive = page.getByText('Get, load, set: 32 loads')
        await expect.poll(() => naive.count()).toBe(1)
        expect(await page.getByText('createAside: 1 load for 32 callers').count()).toBe(1)

        const next = page.getByRole('button', { name: 'Next step' })
        const walk = async () => {
          await next.focus()
          while (await next.isEnabled()) await page.keyboard.press('Enter')
        }
        await walk()
        expect(await page.getByText('stale: the write').count()).toBe(1)
        await page.getByRole('button', { name: 'Restart' }).click()
        await page.getByRole('combobox', { name: /^Cache/ }).selectOption('aside')
        await walk()
        expect(await page.getByText('stale: the write').count()).toBe(0)
        expect(await page.getByText('Later reader asks for the price: €12').count()).toBe(1)

        const exact = page.getByRole('img', { name: /^Sliding window, exact/ })
        expect(await exact.getAttribute('aria-label')).toContain('at most 10 requests')
        await page.getByRole('slider', { name: /^Limit/ }).focus()
        await page.keyboard.press('ArrowRight')
        await expect.poll(() => exact.getAttribute('aria-label')).toContain('at most 11 requests')
        for (const traffic of ['steady', 'bursts', 'random'])
          await page.getByRole('combobox', { name: /^Traffic/ }).selectOption(traffic)

        const shares = page.getByRole('img', { name: /keys move from/ })
        await page.getByRole('slider', { name: /^Shards before/ }).focus()
        await page.keyboard.press('ArrowLeft')
        await expect
          .poll(() => shares.first().getAttribute('aria-label'))
          .toContain('from 3 to 4 shards')

        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(width)
        expect(errors).toEqual([])
      } finally {
        await page.close()
      }
    }, 120_000)
  },
)

let browser: Browser
let server: ChildProcess
let site: string

beforeAll(async () => {
  if (executable === undefined) return
  const run = { cwd: fileURLToPath(new URL('..', import.meta.url)), env: environment() }
  // The sidebar has the pages of the API reference.
  if (!existsSync(`${run.cwd}/api/typedoc-sidebar.json`))
    await new Promise((resolve) => spawn('node', ['api-reference.mjs'], run).on('exit', resolve))
  server = spawn('node', [bin, 'dev', '--host', '127.0.0.1', '--port', '0'], run)
  site = await addressOf(server)
  browser = await chromium.launch({
    executablePath: executable,
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  })
  // Vite finds and prepares dependencies during the first visit.
  const page = await browser.newPage()
  await page.goto(`${site}examples`, { timeout: START })
  await page.locator('.example').nth(3).waitFor({ timeout: START })
  await page.close()
}, 2 * START)

afterAll(async () => {
  await browser?.close()
  server?.kill()
})

const bin = fileURLToPath(new URL('../node_modules/vitepress/bin/vitepress.js', import.meta.url))

/** The environment without what the runner of tests adds to it. */
function environment() {
  const added = ['NODE_ENV', 'VITEST']
  const entries = Object.entries(process.env).filter(([name]) => !added.includes(name))
  return { ...Object.fromEntries(entries), NO_COLOR: '1' }
}

/** Resolves with the address of the site that a process serves. */
function addressOf({ stdout, stderr }: ChildProcess): Promise<string> {
  let output = ''
  return new Promise((resolve, reject) => {
    for (const stream of [stdout, stderr])
      stream!.on('data', (chunk) => {
        output += String(chunk)
        const [address] = /http:\/\/127\.0\.0\.1:\S+\//.exec(output) ?? []
        if (address) resolve(address)
      })
    stdout!.on('end', () => reject(new Error(`The site does not start:\n${output}`)))
  })
}

/** The errors of a page, except those of other hosts, which may be out of reach. */
function errorsOf(page: Page): readonly string[] {
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(String(error.stack)))
  page.on('console', (message) => {
    const isOurs = message.location().url.startsWith(new URL(site).origin)
    const isIcon = message.location().url.endsWith('/favicon.ico')
    if (message.type() === 'error' && isOurs && !isIcon) errors.push(message.text())
  })
  return errors
}
