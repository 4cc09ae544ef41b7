/** A value at a key that none of the packages would write there. */
export interface HostileValue {
  readonly name: string
  readonly type: 'string' | 'hash' | 'list' | 'set' | 'zset' | 'stream'
  /** Returns the commands that store the value at a key. */
  readonly plant: (key: string) => readonly (readonly [string, ...(string | Buffer)[]])[]
}

/** Anything that sends a command to Redis. All our clients do. */
interface Sender {
  send(command: {
    readonly args: readonly [string, ...(string | Buffer)[]]
    readonly keys: readonly string[]
  }): Promise<unknown>
}

/**
 * Replaces the value at a key with a hostile value. It does so in one script, because a worker or
 * another process may write to the key at any time: a value that is written between the `DEL` and
 * the next command would make that command fail.
 *
 * @example await plantValue(client, 'shop:product:42', { plant: (key) => [['LPUSH', key, 'x']] })
 */
export async function plantValue(
  client: Sender,
  key: string,
  { plant }: Pick<HostileValue, 'plant'>,
): Promise<void> {
  const commands = plant(key).flatMap((args) => [String(args.length), ...args])
  await client.send({ args: ['EVAL', PLANT, '1', key, ...commands], keys: [key] })
}

/** ARGV holds, for each command, its number of words followed by the words. */
const PLANT = `redis.call('DEL', KEYS[1])
local i = 1
while i <= #ARGV do
  local words = tonumber(ARGV[i])
  redis.call(unpack(ARGV, i + 1, i + words))
  i = i + words + 1
end`

/**
 * Returns values of every type that a key may have if another program writes to the same Redis, or
 * if memory is corrupted: of a wrong type, empty, huge, not numeric, not UTF-8, without a ttl.
 *
 * @param fields names that the hash and the sorted set contain in addition.
 * @example for (const value of hostileValues()) await plantValue(client, 'shop:product:42', value)
 */
export function hostileValues(fields: readonly string[] = []): readonly HostileValue[] {
  const strings: readonly (readonly [string, string | Buffer])[] = [
    ['empty', ''],
    ['a word', 'not ours'],
    ['spaces', ' 1 2 3 4 5 '],
    ['a negative number', '-7'],
    ['half a number', '1.5'],
    ['NaN', 'NaN'],
    ['infinity', '1e400'],
    ['too many digits', '9'.repeat(400)],
    ['2^53', '9007199254740992'],
    ['JSON', '{"v":1}'],
    ['bytes that are no UTF-8', Buffer.from([0xff, 0xfe, 0xc3, 0x00, 0x80])],
    ...[Infinity, NaN, -1, 1.5, 2 ** 53, Number.MAX_SAFE_INTEGER].map(
      (version) => [`a frame of version ${version}`, frameOf(version)] as const,
    ),
    ['half a frame', Buffer.from([1, 1, 0x40])],
    ['a frame with flags of later', Buffer.from([1, 255, 0, 0])],
  ]
  const texts = ['x', '-1', '1e400', '9'.repeat(400), Buffer.from([0xff, 0xc3])]
  const scores = ['+inf', '-inf', '1e300', '-1e300', '0']
  return [
    ...strings.map(([name, value]) => ({
      name: `a string: ${name}`,
      type: 'string' as const,
      plant: (key: string) => [['SET', key, value]] as const,
    })),
    ...strings.slice(0, 2).map(([name, value]) => ({
      name: `a string: ${name}, for a year`,
      type: 'string' as const,
      plant: (key: string) => [['SET', key, value, 'PX', String(YEAR)]] as const,
    })),
    ...texts.map((text) => ({
      name: `a hash of ${JSON.stringify(String(text).slice(0, 9))}`,
      type: 'hash' as const,
      plant: (key: string) =>
        [['HSET', key, 'f', text, '', text, ...fields.flatMap((field) => [field, text])]] as const,
    })),
    ...scores.map((score) => ({
      name: `a sorted set at ${score}`,
      type: 'zset' as const,
      plant: (key: string) =>
        [
          [
            'ZADD',
            key,
            ...['m', '', Buffer.from([0xff, 0xc3]), ...fields].flatMap((member) => [score, member]),
          ],
        ] as const,
    })),
    { name: 'a list', type: 'list', plant: (key) => [['RPUSH', key, 'x', '', 'z']] },
    { name: 'a set', type: 'set', plant: (key) => [['SADD', key, 'x', ...fields]] },
    { name: 'a stream', type: 'stream', plant: (key) => [['XADD', key, '5-3', 'f', 'x']] },
    {
      name: 'a stream at its end',
      type: 'stream',
      plant: (key) => [['XADD', key, '18446744073709551615-18446744073709551615', 'f', 'x']],
    },
  ]
}

const YEAR = 365 * 86_400_000

function frameOf(version: number): Buffer {
  const frame = Buffer.from([1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0x7b])
  frame.writeDoubleBE(version, 2)
  return frame
}
