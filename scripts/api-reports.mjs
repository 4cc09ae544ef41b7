// Compares the public API of each published package with its report in `api/`, which reviewers
// read. With `--write` it updates the reports. Needs the built packages.
import { mkdirSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { Extractor, ExtractorConfig, ExtractorLogLevel } from '@microsoft/api-extractor'
import { publishedPackages } from './packages.mjs'

const write = process.argv.includes('--write')
const root = resolve(import.meta.dirname, '..')
let different = 0

for (const { path, manifest } of publishedPackages(root)) {
  for (const [entry, { import: target } = {}] of Object.entries(manifest.exports)) {
    if (target === undefined || entry.endsWith('internal')) continue
    const name = entry === '.' ? basename(path) : entry.slice(2)
    if (!report(join(root, path), target.types, name)) different++
  }
}

if (different > 0) {
  console.error(
    `${different} public APIs have changed. ` +
      'If that is what you want, run "pnpm api" and commit the reports.',
  )
  process.exit(1)
}

/** Whether the report is up to date, or has been written. */
function report(folder, types, name) {
  mkdirSync(join(folder, 'api'), { recursive: true })
  const { succeeded, apiReportChanged } = Extractor.invoke(configOf(folder, types, name), {
    localBuild: write,
    messageCallback: (message) => {
      message.handled = true
      const isReport = message.messageId === 'console-api-report-not-copied'
      if (isReport || message.logLevel === ExtractorLogLevel.Error) console.error(message.text)
    },
  })
  return succeeded || (write && apiReportChanged)
}

function configOf(folder, types, name) {
  const silent = { logLevel: ExtractorLogLevel.None }
  return ExtractorConfig.prepare({
    configObject: {
      projectFolder: folder,
      mainEntryPointFilePath: join(folder, types),
      compiler: {
        overrideTsconfig: {
          extends: join(root, 'tsconfig.base.json'),
          files: [join(folder, types)],
        },
      },
      apiReport: {
        enabled: true,
        reportFolder: join(folder, 'api'),
        reportTempFolder: join(root, 'node_modules/.cache/api-reports'),
        reportFileName: `${name}.api.md`,
        includeForgottenExports: false,
      },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      messages: {
        compilerMessageReporting: { default: silent },
        extractorMessageReporting: { default: silent },
        tsdocMessageReporting: { default: silent },
      },
    },
    configObjectFullPath: undefined,
    packageJsonFullPath: join(folder, 'package.json'),
  })
}
