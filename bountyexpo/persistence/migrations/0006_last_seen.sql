-- When a user was last seen, to the minute (contract realtime §1.5).

alter table users add column last_seen_at timestamptz;
