import { fileURLToPath } from 'node:url'
import { transformerTwoslash } from '@shikijs/vitepress-twoslash'
import { createFileSystemTypesCache } from '@shikijs/vitepress-twoslash/cache-fs'
import ts from 'typescript'
import { type Plugin, defineConfig } from 'vitepress'
import llms from 'vitepress-plugin-llms'
import { browserModules } from './browser-modules.js'
import { adaptMarkdown, anchorOf } from './markdown.js'
import { homepage, pageOf, repositoryUrl, root } from './pages.js'
import { nav, sidebar } from './sidebar.js'

const { config } = ts.readConfigFile(`${root}/tsconfig.base.json`, (file) => ts.sys.readFile(file))
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)

const base = new URL(homepage).pathname

export default defineConfig({
  title: '@cache',
  description: 'Redis cache patterns for TypeScript, with guarantees that tests prove.',
  lang: 'en',
  base,
  srcDir: root,
  srcExclude: [
    '.*/**',
    '{README,CODE_OF_CONDUCT}.md',
    'packages/*/!(README.md)',
    'packages/*/*/**',
    'packages/testkit/**',
    'apps/!(docs|bench)/**',
    'apps/bench/!(README.md)',
    'apps/docs/README.md',
    'apps/docs/migrations/**',
  ],
  rewrites: (file) => pageOf(file) ?? file,
  cleanUrls: true,
  lastUpdated: true,
  sitemap: { hostname: homepage },
  head: [
    ['link', { rel: 'icon', type: 'image/svg+xml', href: `${base}logo.svg` }],
    ['meta', { name: 'theme-color', content: '#2c46a8' }],
  ],

  markdown: {
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    config: adaptMarkdown,
    anchor: { slugify: anchorOf },
    codeTransformers: [
      transformerTwoslash({
        typesCache: createFileSystemTypesCache({ dir: `${root}/.tmp/twoslash` }),
        twoslashOptions: { compilerOptions: options, vfsRoot: root },
      }),
    ],
  },

  themeConfig: {
    logo: '/logo.svg',
    nav,
    sidebar,
    outline: [2, 3],
    search: { provider: 'local' },
    socialLinks: [{ icon: 'github', link: repositoryUrl }],
    editLink: { pattern: `${repositoryUrl}/edit/main/:path`, text: 'Edit this page' },
    externalLinkIcon: true,
  },

  vite: {
    plugins: [llms(), browserModules(), resolveFromHere(['vue', 'vue/server-renderer'])],
    publicDir: `${root}/apps/docs/public`,
  },
})

/** Lets pages elsewhere in the repository import packages of this app. */
function resolveFromHere(names: readonly string[]): Plugin {
  return {
    name: 'resolve-from-here',
    enforce: 'pre',
    resolveId(name, _importer, { ssr }) {
      if (!names.includes(name)) return undefined
      if (ssr) return { id: name, external: true }
      return this.resolve(name, fileURLToPath(import.meta.url), { skipSelf: true })
    },
  }
}
