-- Since when nobody has moved a bounty, and when people were told so (operations §5).

alter table bounties
    add column quiet_since timestamptz not null default now(),
    add column quiet_notified_at timestamptz;

update bounties set quiet_since = updated_at;

create index bounties_quiet on bounties (status, quiet_since)
    where status in ('open', 'in_progress');
create index bounties_long_expired on bounties (expiry_notified_at)
    where status = 'open' and expiry_notified_at is not null;
create index users_gone on users (deleted_at) where account_status = 'deleted';
