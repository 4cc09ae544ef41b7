import type { Pool } from 'pg'

export interface User {
  readonly id: number
  readonly name: string
  readonly email: string
  readonly version: number
}

export type UserPatch = Partial<Pick<User, 'name' | 'email'>>

/** The profiles in Postgres. `version` increases with each change of a row. */
export function createUsers(pool: Pool) {
  return {
    async find(id: number): Promise<User | null> {
      const { rows } = await pool.query<User>(
        'select id, name, email, version from users where id = $1',
        [id],
      )
      return rows[0] ?? null
    },
    async update(id: number, { name, email }: UserPatch): Promise<User | null> {
      const { rows } = await pool.query<User>(
        `update users
         set name = coalesce($2, name), email = coalesce($3, email), version = version + 1
         where id = $1 returning id, name, email, version`,
        [id, name ?? null, email ?? null],
      )
      return rows[0] ?? null
    },
    async remove(id: number): Promise<boolean> {
      return (await pool.query('delete from users where id = $1', [id])).rowCount === 1
    },
  }
}

export type Users = ReturnType<typeof createUsers>

/** Creates and fills the tables if necessary. They contain 500 users, always the same ones. */
export async function seed(pool: Pool): Promise<void> {
  await pool.query(
    `create table if not exists users (
      id int primary key, name text not null, email text not null,
      version int not null default 1)`,
  )
  await pool.query(
    `insert into users (id, name, email)
     select n, 'user ' || n, 'user' || n || '@example.com' from generate_series(1, 500) n
     on conflict do nothing`,
  )
  // `sequence` is the sequence number of the last write of the row. The worker ignores older and
  // repeated writes.
  await pool.query(
    `create table if not exists activity (
      id text primary key, visits int not null, last_seen text not null,
      sequence bigint not null)`,
  )
  await pool.query(
    `create table if not exists exports (
      id int primary key, fence bigint not null, content jsonb not null)`,
  )
}
