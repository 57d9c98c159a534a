-- What the effects of the market's machines write: cancellations, disputes, ready flags, hidden and
-- stale bounties, moments, the counters of people (data-model B.1, B.2, B.6, rest-core §3).

alter table bounties
    add column is_stale boolean not null default false,
    add column stale_reason text check (length(stale_reason) between 1 and 64),
    add column stale_detected_at timestamptz,
    add column archived_at timestamptz,
    add column deleted_at timestamptz,
    -- How often the poster has asked for changes of the work.
    add column revision_count int not null default 0 check (revision_count >= 0),
    add check (num_nonnulls(stale_reason, stale_detected_at) = case when is_stale then 2 else 0 end);
create index bounties_stale on bounties (poster_id, stale_detected_at) where is_stale;

update bounties set archived_at = updated_at where status = 'archived';
update bounties set deleted_at = updated_at where status = 'deleted';

-- The service itself moves bounties, too, and an admin says why.
alter table bounty_status_history
    alter column actor_id drop not null,
    add column actor_role text
        check (actor_role in ('poster', 'hunter', 'other', 'admin', 'system', 'timer')),
    add column reason text check (length(reason) <= 1000),
    add check (actor_id is not null or actor_role in ('system', 'timer'));

-- Who has put a bounty out of their own lists.
create table bounty_hidden (
    bounty_id uuid not null references bounties,
    user_id uuid not null references users,
    hidden_at timestamptz not null default now(),
    primary key (bounty_id, user_id)
);
create index bounty_hidden_user on bounty_hidden (user_id);

-- Who decided; null when another decision did.
alter table bounty_requests add column decided_by uuid references users;

create table completion_ready (
    bounty_id uuid not null references bounties,
    hunter_id uuid not null references users,
    ready_at timestamptz not null default now(),
    primary key (bounty_id, hunter_id)
);

create index ratings_to_user on ratings (to_user_id, created_at desc, id);

create table bounty_cancellations (
    id uuid primary key,
    bounty_id uuid not null references bounties,
    requester_id uuid not null references users,
    requester_role text not null check (requester_role in ('poster', 'hunter')),
    reason text not null default '' check (length(reason) <= 1000),
    status text not null
        check (status in ('pending', 'accepted', 'rejected', 'withdrawn', 'disputed')),
    responder_id uuid references users,
    response_message text check (length(response_message) <= 1000),
    -- What goes back to the poster; the rest is the hunter's.
    refund_bps int not null check (refund_bps between 0 and 10000),
    refund_cents bigint not null check (refund_cents >= 0),
    -- It stands in the statistics of who asked for it.
    is_counted boolean not null default false,
    resolved_at timestamptz,
    version bigint not null default 1,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    check (requester_id <> responder_id),
    check ((resolved_at is null) = (status in ('pending', 'disputed')))
);
create unique index bounty_cancellations_waiting on bounty_cancellations (bounty_id)
    where status in ('pending', 'disputed');
create index bounty_cancellations_newest on bounty_cancellations (bounty_id, created_at desc);
create index bounty_cancellations_requester on bounty_cancellations (requester_id, created_at desc);

create table disputes (
    id uuid primary key,
    bounty_id uuid references bounties,
    cancellation_id uuid references bounty_cancellations,
    stage text not null check (stage in ('in_progress', 'review_verify', 'cancellation')),
    -- Null where the service or the card network has opened it.
    initiator_id uuid references users,
    respondent_id uuid references users,
    reason text not null check (length(reason) between 1 and 2000),
    status text not null check (status in (
        'open', 'under_review', 'resolved', 'resolved_hunter_wins', 'resolved_poster_wins',
        'closed', 'cancelled', 'stripe_dispute', 'resolved_won', 'resolved_lost')),
    winner text check (winner in ('hunter', 'poster', 'split')),
    resolution text check (length(resolution) <= 2000),
    resolved_by uuid references users,
    resolved_at timestamptz,
    frozen_cents bigint not null default 0 check (frozen_cents >= 0),
    -- When it closes by itself unless somebody answers.
    auto_close_at timestamptz,
    escalated_at timestamptz,
    last_activity_at timestamptz not null default clock_timestamp(),
    version bigint not null default 1,
    created_at timestamptz not null default clock_timestamp(),
    check (initiator_id <> respondent_id)
);
create unique index disputes_open on disputes (bounty_id) where status in ('open', 'under_review');
create index disputes_newest on disputes (bounty_id, created_at desc);
create index disputes_by_status on disputes (status, created_at);
create index disputes_auto_close on disputes (auto_close_at)
    where auto_close_at is not null and status = 'open';

create table dispute_evidence (
    id uuid primary key,
    dispute_id uuid references disputes,
    uploader_id uuid not null references users,
    type text not null check (type in ('text', 'image', 'document', 'link')),
    body text check (length(body) <= 5000),
    description text check (length(description) <= 1000),
    state text not null default 'committed'
        check (state in ('staged', 'uploaded', 'verified', 'committed', 'rejected')),
    staged_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz,
    committed_at timestamptz,
    check ((state = 'committed') = (committed_at is not null)),
    check (state <> 'committed' or dispute_id is not null)
);
create index dispute_evidence_dispute on dispute_evidence (dispute_id, committed_at);
create index dispute_evidence_expiry on dispute_evidence (expires_at) where state <> 'committed';

create table dispute_comments (
    id uuid primary key,
    dispute_id uuid not null references disputes,
    author_id uuid not null references users,
    comment text not null check (length(comment) between 1 and 2000),
    -- For admins only.
    is_internal boolean not null default false,
    created_at timestamptz not null default clock_timestamp()
);
create index dispute_comments_dispute on dispute_comments (dispute_id, created_at, id);

-- A dispute is decided once; an appeal that succeeds is put right by an adjustment.
create table dispute_resolutions (
    id uuid primary key,
    dispute_id uuid not null unique references disputes,
    admin_id uuid references users,
    outcome text not null check (outcome in ('release', 'refund', 'split', 'other')),
    hunter_cents bigint not null check (hunter_cents >= 0),
    poster_cents bigint not null check (poster_cents >= 0),
    fee_cents bigint not null check (fee_cents >= 0),
    rationale text not null check (length(rationale) between 1 and 2000),
    created_at timestamptz not null default clock_timestamp()
);

create function dispute_resolution_is_whole() returns trigger language plpgsql as $$
begin
    if new.hunter_cents + new.poster_cents + new.fee_cents
        <> (select frozen_cents from disputes where id = new.dispute_id) then
        raise exception 'the parts of dispute % do not sum to what is frozen', new.dispute_id;
    end if;
    return new;
end $$;
create trigger dispute_resolutions_whole before insert or update on dispute_resolutions
    for each row execute function dispute_resolution_is_whole();

create table dispute_appeals (
    id uuid primary key,
    dispute_id uuid not null references disputes,
    appellant_id uuid not null references users,
    reason text not null check (length(reason) between 1 and 2000),
    status text not null default 'pending'
        check (status in ('pending', 'reviewing', 'accepted', 'rejected')),
    reviewed_by uuid references users,
    notes text check (length(notes) <= 2000),
    reviewed_at timestamptz,
    created_at timestamptz not null default clock_timestamp()
);
create unique index dispute_appeals_open on dispute_appeals (dispute_id, appellant_id)
    where status in ('pending', 'reviewing');

create table dispute_events (
    id bigint generated always as identity primary key,
    dispute_id uuid not null references disputes,
    action text not null check (length(action) between 1 and 64),
    actor_id uuid references users,
    actor_role text not null,
    details jsonb not null default '{}' check (jsonb_typeof(details) = 'object'),
    at timestamptz not null default clock_timestamp()
);
create index dispute_events_dispute on dispute_events (dispute_id, id);

create function dispute_events_are_final() returns trigger language plpgsql as $$
begin
    raise exception 'what happened to a dispute is never changed';
end $$;
create trigger dispute_events_append_only before update or delete on dispute_events
    for each row execute function dispute_events_are_final();

-- One-time nudges in the app, one row for each person and moment.
create table activation_moments (
    user_id uuid not null references users,
    moment_type text not null check (length(moment_type) between 1 and 64),
    status text not null default 'pending' check (status in (
        'pending', 'shown', 'dismissed', 'completed', 'expired', 'snoozed')),
    shown_count int not null default 0 check (shown_count >= 0),
    first_shown_at timestamptz,
    last_shown_at timestamptz,
    dismissed_at timestamptz,
    completed_at timestamptz,
    snoozed_until timestamptz,
    metadata jsonb not null default '{}' check (jsonb_typeof(metadata) = 'object'),
    created_at timestamptz not null default clock_timestamp(),
    primary key (user_id, moment_type),
    check ((status = 'completed') = (completed_at is not null))
);

-- Counters that can be made anew from the rows they count.
create table user_stats (
    user_id uuid primary key references users,
    -- Cancellations that this person asked for: as a poster, and as a hunter.
    cancellation_count int not null default 0 check (cancellation_count >= 0),
    withdrawal_count int not null default 0 check (withdrawal_count >= 0),
    rating_sum_tenths bigint not null default 0 check (rating_sum_tenths >= 0),
    rating_count int not null default 0 check (rating_count >= 0)
);

insert into user_stats (user_id, rating_sum_tenths, rating_count)
    select to_user_id, sum(rating_tenths), count(*) from ratings group by to_user_id;
