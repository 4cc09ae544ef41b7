import { objectOption, required } from '@cache/core/internal'

/** The option `limiter`. */
export const limiterOption = objectOption(
  ['consume', 'refund'],
  'a limiter made by createRateLimiter(…)',
  required,
)
