-- Webhooks that nobody can use yet are kept for a version that can, and none is given up before its
-- day is over (contract money §4); what a deposit needs to know which intents are its own, and to
-- be asked for while its bank takes its time (§3.4).

alter table webhook_events
    drop constraint webhook_events_status_check,
    -- It does not always say.
    alter column livemode drop not null,
    alter column livemode drop default,
    -- The connected account that it is of; null for the platform's own.
    add column account text check (length(account) between 1 and 128),
    add column previous_attributes jsonb not null default '{}'
        check (jsonb_typeof(previous_attributes) = 'object'),
    add column created_at timestamptz,
    -- Until then it is tried again.
    add column retry_until timestamptz not null default clock_timestamp() + interval '24 hours';
alter table webhook_events alter column retry_until drop default;

update webhook_events set status = 'deferred' where status = 'ignored';

alter table webhook_events add constraint webhook_events_status_check check (
    status in ('received', 'processing', 'processed', 'failed', 'deferred', 'dead'));
create index webhook_events_waiting on webhook_events (status, type)
    where status in ('deferred', 'dead');

alter table payments
    drop constraint payments_kind_check,
    add constraint payments_kind_check check (kind in ('deposit', 'escrow')),
    -- Intents that came to nothing before the present one was made; money may still arrive by them.
    add column replaced_intent_ids text[] not null default '{}',
    -- When the provider is asked next what has become of it, and how often it was.
    add column poll_at timestamptz,
    add column polls int not null default 0 check (polls >= 0);
create index payments_replaced on payments using gin (replaced_intent_ids);
create index payments_polled on payments (poll_at) where poll_at is not null;

update payments set poll_at = now() where status = 'processing';
