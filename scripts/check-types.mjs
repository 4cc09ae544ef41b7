// Checks the types of the packages whose `typecheck` is `tsc -p tsconfig.json`, in one process:
// `node scripts/check-types.mjs`. Each package is a program of its own, as with tsc, but the
// declarations of the libraries are parsed once, which saves more than half of the time.
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'
import { typedPackages } from './packages.mjs'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const projects = typedPackages(root).plain.map((path) => join(root, path, 'tsconfig.json'))
const system = { ...ts.sys, writeFile: () => undefined }
const host = ts.createSolutionBuilderHost(system, undefined, print)
const status = ts.createSolutionBuilder(host, projects, { force: true }).build()
process.exit(status === ts.ExitStatus.Success ? 0 : 1)

function print(diagnostic) {
  const format = {
    getCurrentDirectory: () => root,
    getCanonicalFileName: (name) => name,
    getNewLine: () => '\n',
  }
  console.log(ts.formatDiagnostic(diagnostic, format).trimEnd())
}
