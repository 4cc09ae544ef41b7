// This process never ends by itself, and does not notice when its parent is gone.
process.send('ready')
process.channel.unref()
setInterval(() => undefined, 1_000)
