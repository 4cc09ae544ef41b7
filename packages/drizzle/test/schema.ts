import { relations, sql } from 'drizzle-orm'
import {
  bigint,
  customType,
  integer,
  jsonb,
  numeric,
  pgMaterializedView,
  pgTable,
  pgView,
  text,
  timestamp,
} from 'drizzle-orm/pg-core'

const bytea = customType<{ data: Buffer }>({ dataType: () => 'bytea' })

export const users = pgTable('users', { id: integer().primaryKey(), name: text().notNull() })

export const posts = pgTable('posts', {
  id: integer().primaryKey(),
  userId: integer('user_id').references(() => users.id, { onDelete: 'cascade' }),
  title: text().notNull(),
})

export const counters = pgTable('counters', {
  id: integer().primaryKey(),
  value: integer().notNull(),
})

export const everything = pgTable('every thing', {
  id: bigint({ mode: 'bigint' }).primaryKey(),
  at: timestamp({ withTimezone: true }).notNull(),
  price: numeric().notNull(),
  bytes: bytea().notNull(),
  data: jsonb().notNull(),
})

export const log = pgTable('log', { entry: text().notNull() })

export const longNames = pgView('long_names').as((query) =>
  query
    .select({ name: users.name })
    .from(users)
    .where(sql`length(${users.name}) > 5`),
)

export const userCount = pgMaterializedView('user_count').as((query) =>
  query.select({ count: sql<number>`count(*)::int`.as('count') }).from(users),
)

export const usersRelations = relations(users, ({ many }) => ({ posts: many(posts) }))
export const postsRelations = relations(posts, ({ one }) => ({
  author: one(users, { fields: [posts.userId], references: [users.id] }),
}))

export const createTables = `
  create table users (id int primary key, name text not null unique deferrable initially deferred);
  create table posts (
    id int primary key, user_id int references users on delete cascade, title text not null);
  create table counters (id int primary key, value int not null);
  create table "every thing" (
    id bigint primary key, at timestamptz not null, price numeric not null, bytes bytea not null,
    data jsonb not null);
  create table log (entry text not null);
  create view long_names as select name from users where length(name) > 5;
  create materialized view user_count as select count(*)::int as count from users;
  create function log_post() returns trigger language plpgsql as $$
    begin insert into log values (new.title); return new; end $$;
  create trigger log_posts after insert on posts for each row execute function log_post();
`
