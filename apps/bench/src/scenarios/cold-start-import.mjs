// Imports the modules of the arguments, and prints how long that took, in milliseconds.

const started = performance.now()
for (const module of process.argv.slice(2)) await import(module)
console.log(performance.now() - started)
