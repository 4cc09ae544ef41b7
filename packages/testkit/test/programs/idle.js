// Ends for nobody: it does not even listen to its parent.
process.send('ready')
process.channel.unref()
setInterval(() => undefined, 1_000)
