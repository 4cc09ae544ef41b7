import { UsageError } from '@cache/core'
import { TransactionScope } from '@cache/core/internal'
import type { Engine } from './engine.js'
import { prepare } from './prepare.js'
import type { CachedSession, Session, Transaction } from './session-types.js'
import type { Changed } from './types.js'

const sessions = new WeakMap<Session, CachedSession>()

/** Returns the session of a database or transaction. */
export function sessionOf(db: Pick<Transaction, '_'>): Session {
  return db._.session as unknown as Session
}

/** Replaces the methods of a session, once. */
export function cachedSession(session: Session, engine: Engine): CachedSession {
  const known = sessions.get(session)
  if (known && known.engine !== engine)
    throw new UsageError('cachedDatabase() was called for a database with another cache before.')
  if (known) return known
  const cached: CachedSession = { engine, scope: undefined }
  sessions.set(session, cached)
  const prepareQuery = session.prepareQuery.bind(session)
  const transaction = session.transaction.bind(session)
  session.prepareQuery = (...args) => prepare(cached, prepareQuery, args)
  session.transaction = (work, ...rest) =>
    // A transaction in a transaction on one connection is a part of it.
    cached.scope
      ? transaction(work, ...rest)
      : inScope(engine, (scope) =>
          transaction((tx) => runInTransaction(tx, engine, scope, work), ...rest).finally(() => {
            // A pool has other sessions for its transactions, which end with them.
            cached.scope = undefined
          }),
        )
  return cached
}

/** Runs a transaction of the database, and ends the mutations of its statements after it. */
async function inScope<R>(
  engine: Engine,
  transaction: (scope: TransactionScope) => Promise<R>,
): Promise<R> {
  const scope = new TransactionScope({
    begin: (groups) => engine.begin(groups),
    endedError: () => new UsageError('A statement was executed on a transaction that had ended.'),
  })
  let result: R
  try {
    result = await transaction(scope)
  } catch (error) {
    await scope.abort()
    throw error
  }
  await scope.commit()
  return result
}

/** Runs the work of a transaction. When it resolves, the database commits. */
async function runInTransaction<R>(
  tx: Transaction,
  engine: Engine,
  scope: TransactionScope,
  work: (tx: Transaction) => Promise<R>,
): Promise<R> {
  cachedSession(sessionOf(tx), engine).scope = scope
  return untilIdle(scope, () => work(inTransaction(tx, engine, scope)))
}

/** Runs work, and waits for the statements that it has not awaited, also if it rejects. */
async function untilIdle<R>(scope: TransactionScope, work: () => Promise<R>): Promise<R> {
  try {
    return await work()
  } finally {
    await scope.idle()
  }
}

/** Adds what the object of a transaction lacks, to it and to its savepoints. */
function inTransaction(tx: Transaction, engine: Engine, scope: TransactionScope): Transaction {
  const savepoint = tx.transaction.bind(tx)
  tx.transaction = (work, ...rest) =>
    savepoint(
      (nested) => untilIdle(scope, () => work(inTransaction(nested, engine, scope))),
      ...rest,
    )
  tx.$cache = { invalidate: (changed: Changed) => scope.add(engine.groupsIn(changed)) }
  return tx
}
