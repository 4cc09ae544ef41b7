/**
 * Creates the tables of schema.prisma, and some rows: three users, of whom the first two have a
 * post each, and eight counters.
 */
export const createTables = `
  create type "Role" as enum ('ADMIN', 'READER');
  create table users (
    id int primary key, name text not null unique,
    "managerId" int references users on delete set null on update cascade);
  create table posts (
    id int primary key, title text not null,
    author_id int references users on delete set null on update cascade);
  create table comments (
    id int primary key, text text not null,
    "postId" int not null references posts on delete cascade on update cascade,
    "userId" int references users);
  create table profiles (
    id int primary key, bio text not null,
    "userId" int not null unique references users on delete cascade on update cascade);
  create table tags (id int primary key, name text not null unique);
  create table "_PostToTag" (
    "A" int not null references posts on delete cascade on update cascade,
    "B" int not null references tags on delete cascade on update cascade, primary key ("A", "B"));
  create table counters (id int primary key, value int not null);
  create table everything (
    id bigint primary key, at timestamp(3) not null, price decimal(65, 30) not null,
    bytes bytea not null, data jsonb not null, nothing jsonb, role "Role" not null,
    roles "Role"[], prices decimal(65, 30)[], optional decimal(65, 30),
    ratio double precision not null);
  create table log (id serial primary key, entry text not null);
  create view long_names as select id, name from users where length(name) > 5;
  create function log_post() returns trigger language plpgsql as $$
    begin insert into log (entry) values (new.title); return new; end $$;
  create trigger log_posts after insert on posts for each row execute function log_post();

  insert into users values (1, 'Ada', null), (2, 'Grace', 1), (3, 'Barbara', null);
  insert into posts values (1, 'engines', 1), (2, 'compilers', 2);
  insert into comments values (1, 'good', 1, 2), (2, 'better', 2, null);
  insert into profiles values (1, 'countess', 1);
  insert into tags values (1, 'history'), (2, 'software');
  insert into "_PostToTag" values (1, 1);
  insert into counters select id, 0 from generate_series(1, 8) as id;
`
