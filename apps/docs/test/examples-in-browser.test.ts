import { chromium, type Browser, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { buildSite, serveSite } from './built-site.js'
import { findChromium } from './chromium.js'

const executablePath = findChromium()
const cases = [390, 1280].flatMap((width) =>
  (['light', 'dark'] as const).map((colorScheme) => ({ width, colorScheme })),
)

describe.skipIf(executablePath === undefined).each(cases)(
  'at $width px in the $colorScheme theme',
  ({ width, colorScheme }) => {
    it('the examples run, can be used by keyboard, and report no errors', async () => {
      const viewport = { width, height: 900 }
      const page = await browser.newPage({ viewport, colorScheme, reducedMotion: 'reduce' })
      const errors = errorsOf(page)
      page.setDefaultTimeout(20_000)
      try {
        await page.goto(`${site.url}/examples`)
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
let site: Awaited<ReturnType<typeof serveSite>>

beforeAll(async () => {
  if (executablePath === undefined) return
  buildSite()
  site = await serveSite()
  const args = ['--no-sandbox', '--disable-dev-shm-usage']
  browser = await chromium.launch({ executablePath, args })
}, 600_000)

afterAll(async () => {
  await browser?.close()
  site?.close()
})

/** The errors of a page, as they occur. Browsers ask for an icon by themselves. */
function errorsOf(page: Page): readonly string[] {
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(String(error.stack)))
  page.on('console', (message) => {
    const isIcon = message.location().url.endsWith('/favicon.ico')
    if (message.type() === 'error' && !isIcon) errors.push(message.text())
  })
  return errors
}
