-- What people look for again and again (rest-core §2.10, J6).

create table saved_searches (
    id uuid primary key,
    user_id uuid not null references users on delete cascade,
    name text not null check (length(name) between 1 and 100),
    type text not null check (type in ('bounty', 'user')),
    query text not null check (length(query) <= 200),
    -- The fields of the client's filters, as they were given.
    filters jsonb not null default '{}' check (jsonb_typeof(filters) = 'object'),
    -- What a bounty must be like, as it is compared.
    wanted jsonb check (jsonb_typeof(wanted) = 'object'),
    alerts_enabled boolean not null default false,
    last_notified_at timestamptz,
    created_at timestamptz not null default clock_timestamp()
);
create index saved_searches_user on saved_searches (user_id, created_at desc, id desc);
create unique index saved_searches_name on saved_searches (user_id, name);
create index saved_searches_alerts on saved_searches (id) where alerts_enabled and wanted is not null;

-- The last ones, each question once, whatever the case of its letters.
create table recent_searches (
    user_id uuid not null references users on delete cascade,
    type text not null check (type in ('bounty', 'user')),
    folded text not null check (length(folded) <= 800),
    query text not null check (length(query) <= 200),
    filters jsonb not null default '{}' check (jsonb_typeof(filters) = 'object'),
    searched_at timestamptz not null default clock_timestamp(),
    primary key (user_id, type, folded)
);
