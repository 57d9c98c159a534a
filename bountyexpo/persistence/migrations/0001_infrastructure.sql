-- Streams, outbox, inbox, idempotency, audit and leases: the machinery that every noun uses.

create table streams (
    stream      text primary key check (length(stream) between 3 and 200),
    last_seq    bigint not null default 0 check (last_seq >= 0),
    epoch       text not null default 'e1'
);

create table stream_events (
    stream      text not null,
    seq         bigint not null check (seq > 0),
    type        text not null,
    payload     jsonb not null check (jsonb_typeof(payload) = 'object'),
    users       uuid[] not null default '{}',
    private     boolean not null default false,
    created_at  timestamptz not null default clock_timestamp(),
    primary key (stream, seq)
);

create index stream_events_by_age on stream_events (created_at);

create table outbox (
    id                  bigint generated always as identity primary key,
    aggregate_type      text not null,
    aggregate_id        text not null,
    aggregate_version   bigint not null,
    type                text not null,
    payload             jsonb not null check (jsonb_typeof(payload) = 'object'),
    status              text not null default 'pending'
                        check (status in ('pending', 'leased', 'done', 'dead')),
    attempts            integer not null default 0,
    -- The earliest moment at which a relay may take the row; while leased, the end of the lease.
    available_at        timestamptz not null default clock_timestamp(),
    lease_owner         text,
    last_error          text,
    created_at          timestamptz not null default clock_timestamp(),
    done_at             timestamptz,
    unique (aggregate_type, aggregate_id, aggregate_version, type)
);

create index outbox_due on outbox (available_at) where status in ('pending', 'leased');
create index outbox_finished on outbox (done_at) where status = 'done';

create table webhook_events (
    id                  bigint generated always as identity primary key,
    provider            text not null,
    event_id            text not null,
    type                text not null,
    api_version         text,
    livemode            boolean not null default false,
    payload             jsonb not null,
    signature_ok        boolean not null default true,
    status              text not null default 'received'
                        check (status in ('received', 'processing', 'processed', 'ignored',
                                          'failed', 'dead')),
    attempts            integer not null default 0,
    next_attempt_at     timestamptz not null default clock_timestamp(),
    last_error          text,
    received_at         timestamptz not null default clock_timestamp(),
    processed_at        timestamptz,
    unique (provider, event_id)
);

create index webhook_events_due on webhook_events (next_attempt_at)
    where status in ('received', 'processing', 'failed');

create table idempotency_keys (
    scope               text not null,
    user_id             uuid not null,
    key                 text not null check (length(key) between 1 and 255),
    request_hash        text not null,
    status_code         integer,
    response            jsonb,
    created_at          timestamptz not null default clock_timestamp(),
    expires_at          timestamptz not null,
    primary key (scope, user_id, key)
);

create index idempotency_keys_by_expiry on idempotency_keys (expires_at);

create table audit_log (
    id                  bigint generated always as identity primary key,
    at                  timestamptz not null default clock_timestamp(),
    category            text not null,
    action              text not null,
    outcome             text not null default 'success',
    severity            text not null default 'info'
                        check (severity in ('info', 'warning', 'critical')),
    actor_id            uuid,
    actor_role          text,
    target_type         text not null,
    target_id           text not null,
    description         text,
    reason              text,
    amount_cents        bigint,
    metadata            jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
    ip                  inet,
    user_agent          text,
    request_id          text
);

create index audit_log_by_time on audit_log (at desc);
create index audit_log_by_category on audit_log (category, at desc);
create index audit_log_by_actor on audit_log (actor_id, at desc);
create index audit_log_by_target on audit_log (target_type, target_id, at desc);

create table leases (
    name                text primary key,
    owner               text not null,
    epoch               bigint not null default 1,
    expires_at          timestamptz not null
);
