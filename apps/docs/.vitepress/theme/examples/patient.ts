/** Deadlines for a page whose thread may be busy for seconds. Nothing in it can be down. */
export const patient = { readTimeout: '1m', writeTimeout: '1m' } as const
