import type { CacheClient, Reply } from '@cache/core'

/** Returns plain commands. The first argument of each is its key. */
export function commandsOf(client: CacheClient) {
  const command =
    (name: string) =>
    (key: string, ...rest: (string | number)[]): Promise<Reply> =>
      client.send({ args: [name, key, ...rest.map(String)], keys: [key] })
  return {
    get: command('GET'),
    set: command('SET'),
    del: command('DEL'),
    incr: command('INCR'),
    pexpire: command('PEXPIRE'),
    pttl: command('PTTL'),
    rpush: command('RPUSH'),
    lpop: command('LPOP'),
    llen: command('LLEN'),
  }
}

export function numberOf(reply: Reply): number | undefined {
  return reply === null ? undefined : Number(String(reply))
}
