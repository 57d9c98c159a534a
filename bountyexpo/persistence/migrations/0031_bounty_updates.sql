-- Progress on bounties, as their two sides tell it (data-model B.2).

create table bounty_updates (
    id uuid primary key,
    bounty_id uuid not null references bounties,
    author_id uuid not null references users,
    kind text not null check (kind in ('progress', 'note', 'system')),
    message text not null check (length(message) between 1 and 2000),
    attachments jsonb not null default '[]' check (jsonb_typeof(attachments) = 'array'),
    created_at timestamptz not null default clock_timestamp()
);
create index bounty_updates_newest on bounty_updates (bounty_id, created_at desc, id desc);
