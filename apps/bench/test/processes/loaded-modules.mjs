// Imports the modules of the arguments, and prints the URL of each module that this loads.
import { register } from 'node:module'

const hooks = `
import { writeSync } from 'node:fs'
export function load(url, context, next) {
  writeSync(1, url + '\\n')
  return next(url, context)
}`
register(`data:text/javascript,${encodeURIComponent(hooks)}`)
for (const module of process.argv.slice(2)) await import(module)
