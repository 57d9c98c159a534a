-- One escrow for each bounty and funding round, with all that its machine remembers (contract money
-- §3.3); and what people must look at, at most one open row of each kind about each subject.

create table escrows (
    bounty_id           uuid not null references bounties,
    round               int not null check (round >= 1),
    poster_id           uuid not null references users,
    -- Who was accepted; nobody else is ever paid from it.
    hunter_id           uuid references users,
    source              text not null check (source in ('wallet', 'card')),
    amount_cents        bigint not null check (amount_cents > 0),
    -- The terms of the day on which it was funded.
    policy_version      int not null,
    platform_fee_bps    int not null check (platform_fee_bps between 0 and 10000),
    state               text not null check (state in (
                            'none', 'funding', 'held', 'frozen', 'releasing', 'refunding',
                            'released', 'refunded', 'charged_back')),
    has_dispute         boolean not null default false,
    has_chargeback      boolean not null default false,
    is_chargeback_lost  boolean not null default false,
    has_refund          boolean not null default false,
    -- The money of its payment intent is in the books.
    is_posted           boolean not null default false,
    -- The number in the key of its settlement; one that was taken back is followed by the next.
    settlement_round    int not null check (settlement_round >= round),
    dispute_id          text,
    chargeback_id       text,
    chargeback_cents    bigint check (chargeback_cents > 0),
    intent_id           text unique,
    withdrawal_id       uuid,
    refund_id           text,
    failed_refund_ids   text[] not null default '{}',
    -- The last call to the provider that has an outcome, with the key by which it is repeated.
    call                jsonb check (jsonb_typeof(call) = 'object'),
    -- When that outcome is asked for again.
    due_at              timestamptz,
    version             bigint not null default 1,
    created_at          timestamptz not null default now(),
    updated_at          timestamptz not null default now(),
    primary key (bounty_id, round),
    check (hunter_id <> poster_id)
);
create index escrows_due on escrows (due_at) where due_at is not null;

insert into escrows (bounty_id, round, poster_id, hunter_id, source, amount_cents, policy_version,
                     platform_fee_bps, state, has_dispute, has_refund, settlement_round)
select id, 1, poster_id, hunter_id, 'wallet', amount_cents, policy_version, platform_fee_bps,
       escrow_state, escrow_state = 'frozen', escrow_state = 'refunded', 1
from bounties where escrow_state <> 'none';

alter table bounties drop column escrow_state;

create table findings (
    id              bigint generated always as identity primary key,
    type            text not null check (length(type) between 1 and 64),
    subject_type    text not null check (length(subject_type) between 1 and 64),
    subject_id      text not null check (length(subject_id) between 1 and 255),
    details         jsonb not null default '{}' check (jsonb_typeof(details) = 'object'),
    status          text not null default 'open' check (status in ('open', 'acknowledged')),
    -- How often it was found while it was open, and when for the last time.
    times           int not null default 1,
    created_at      timestamptz not null default clock_timestamp(),
    found_at        timestamptz not null default clock_timestamp(),
    acknowledged_at timestamptz,
    acknowledged_by uuid references users,
    resolution      text check (length(resolution) <= 1000),
    check ((status = 'acknowledged') = (acknowledged_at is not null))
);
create unique index findings_open on findings (type, subject_type, subject_id)
    where status = 'open';
create index findings_by_time on findings (created_at desc);
