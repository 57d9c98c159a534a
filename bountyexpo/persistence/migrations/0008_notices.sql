-- What people are to be told while they are away; taken by the notification area.

create table notices (
    id                  bigint generated always as identity primary key,
    kind                text not null check (length(kind) between 1 and 64),
    recipients          uuid[] not null default '{}',
    -- Who is meant where nobody is named, such as the admins.
    audience            text,
    data                jsonb not null check (jsonb_typeof(data) = 'object'),
    dedupe_key          text not null unique check (length(dedupe_key) between 1 and 200),
    created_at          timestamptz not null default clock_timestamp(),
    taken_at            timestamptz,
    check ((audience is null) = (cardinality(recipients) > 0))
);

create index notices_waiting on notices (id) where taken_at is null;
