// Checks the built site: its links, and its pages in Chromium on a phone and on a desk, in both
// themes. Set CHAOS=1 to open all pages.
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { AxeBuilder } from '@axe-core/playwright'
import { parse } from 'node-html-parser'
import { type Browser, type Page, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { base, buildSite, dist, serveSite } from './built-site.js'
import { findChromium } from './chromium.js'

const themes = ['light', 'dark'] as const
/** One page of each kind. */
const samples = [
  '/',
  '/start',
  '/choose',
  '/why/',
  '/examples',
  '/patterns/aside',
  '/operate/',
  '/compare',
  '/api/@cache/lock',
]

beforeAll(buildSite, 1_200_000)

describe('the built site', () => {
  it('has no dead link, and no link to a heading that does not exist', () => {
    const anchors = new Map(pages().map((page) => [page, anchorsOf(page)]))
    const dead = pages().flatMap((page) =>
      linksOf(page)
        .filter(({ path, hash }) => {
          const ids = anchors.get(path)
          if (!ids) return !existsSync(join(dist, path))
          return hash !== '' && !ids.has(hash)
        })
        .map(({ path, hash }) => `${page} → ${path}${hash && `#${hash}`}`),
    )
    expect(dead).toEqual([])
  })

  it('lists every page in its sidebar', () => {
    const listing = ['/start', '/why/', '/patterns/aside', '/migrate/', '/extend/', '/api/']
    const listed = new Set(listing.flatMap((page) => linksOf(page).map(({ path }) => path)))
    const missing = pages().filter((page) => !listed.has(page) && page !== '/404')
    expect(missing).toEqual([])
  })

  it('has texts for language models, and a map', () => {
    const index = readFileSync(join(dist, 'llms.txt'), 'utf8')
    for (const page of ['/patterns/aside', '/choose', '/protocol']) expect(index).toContain(page)
    expect(readFileSync(join(dist, 'llms-full.txt'), 'utf8')).toContain('No stale read')
    expect(readFileSync(join(dist, 'sitemap.xml'), 'utf8')).toContain('/patterns/aside')
  })
})

const executablePath = findChromium()
describe.skipIf(executablePath === undefined)('a page in Chromium', () => {
  let browser: Browser
  let site: Awaited<ReturnType<typeof serveSite>>

  beforeAll(async () => {
    site = await serveSite()
    const args = ['--no-sandbox', '--disable-dev-shm-usage']
    browser = await chromium.launch({ executablePath: executablePath!, args })
  })
  afterAll(async () => {
    await browser.close()
    site.close()
  })

  it.for(process.env.CHAOS ? pages() : samples)(
    '%s has no errors, is accessible and fits on a phone',
    { timeout: 120_000 },
    async (path) => {
      for (const colorScheme of themes) {
        const { page, errors } = await open(path, { colorScheme, width: 1280 })
        for (const width of colorScheme === 'light' ? [390, 1280] : [1280, 390]) {
          await page.setViewportSize({ width, height: 900 })
          const overflow = await page.evaluate(
            'document.documentElement.scrollWidth - document.documentElement.clientWidth',
          )
          expect(overflow, `${path} is too wide for ${width} px`).toBeLessThanOrEqual(0)
        }
        const { violations } = await new AxeBuilder({ page }).analyze()
        const found = violations.map(({ id, nodes }) => ({
          id,
          nodes: nodes.map(({ html }) => html.slice(0, 200)).slice(0, 3),
        }))
        expect(found, `${path}, ${colorScheme}`).toEqual([])
        expect(errors, path).toEqual([])
        await page.context().close()
      }
    },
  )

  it('has one main landmark, also after a link was followed', async () => {
    const { page } = await open('/', { colorScheme: 'light', width: 1280 })
    expect(await page.getByRole('main').count()).toBe(1)
    await page.getByRole('link', { name: 'Get started' }).click()
    await page.getByRole('heading', { name: 'Getting started' }).waitFor()
    expect(await page.getByRole('main').count()).toBe(1)
    await page.context().close()
  })

  it('finds a page by its words', async () => {
    const { page } = await open('/', { colorScheme: 'light', width: 1280 })
    await page.keyboard.press('Control+k')
    await page.locator('#localsearch-input').fill('dead letter')
    const results = page.locator('#localsearch-list a')
    await expect.poll(() => results.count(), { timeout: 20_000 }).toBeGreaterThan(0)
    expect(await results.evaluateAll((links) => links.map(({ href }: any) => href))).toContainEqual(
      expect.stringContaining('write-behind'),
    )
    await page.context().close()
  })

  it('shows the type of a name in a program', async () => {
    const { page } = await open('/start', { colorScheme: 'light', width: 1280 })
    await page.locator('.twoslash-hover', { hasText: 'createReadThrough' }).first().hover()
    const popup = page.locator('.v-popper__popper--shown')
    await expect.poll(() => popup.count(), { timeout: 10_000 }).toBe(1)
    expect(await popup.textContent()).toContain('createReadThrough<')
    await page.context().close()
  })

  it('answers the questionnaire with packages and a program', async () => {
    const { page, errors } = await open('/choose', { colorScheme: 'light', width: 390 })
    await page.getByLabel('A Cluster').check()
    await page.getByLabel('node-redis').check()
    await page.getByLabel('A limit on requests').check()
    const program = await page.locator('.recommendation .program').textContent()
    expect(program).toContain('createCluster(')
    expect(program).toContain('createRateLimiter(')
    expect(errors).toEqual([])
    await page.context().close()
  })

  async function open(
    path: string,
    { colorScheme, width }: { colorScheme: (typeof themes)[number]; width: number },
  ): Promise<{ page: Page; errors: string[] }> {
    const context = await browser.newContext({
      colorScheme,
      viewport: { width, height: 900 },
      reducedMotion: 'reduce',
    })
    const page = await context.newPage()
    const errors: string[] = []
    page.on('pageerror', (error) => errors.push(String(error)))
    page.on('console', (message) => {
      if (message.type() === 'error') errors.push(message.text())
    })
    await page.goto(`${site.url}${path}`, { waitUntil: 'networkidle' })
    return { page, errors }
  }
})

/** Returns the paths of all pages, as links name them. */
function pages(): string[] {
  return readdirSync(dist, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.html'))
    .map((file) => `/${file.replace(/(^|\/)index\.html$/, '$1').replace(/\.html$/, '')}`)
}

function documentOf(page: string) {
  const file = page.endsWith('/') ? `${page}index.html` : `${page}.html`
  return parse(readFileSync(join(dist, file), 'utf8'))
}

function anchorsOf(page: string): ReadonlySet<string> {
  return new Set(
    documentOf(page)
      .querySelectorAll('[id]')
      .map(({ id }) => id),
  )
}

/** Returns what the links of a page within the site lead to. */
function linksOf(page: string): { path: string; hash: string }[] {
  return documentOf(page)
    .querySelectorAll('a[href]')
    .map((link) => new URL(link.getAttribute('href')!, `http://site${base}${page}`))
    .filter(({ host, pathname }) => host === 'site' && pathname.startsWith(`${base}/`))
    .map(({ pathname, hash }) => ({
      path: decodeURIComponent(pathname.slice(base.length)),
      hash: decodeURIComponent(hash.slice(1)),
    }))
}
