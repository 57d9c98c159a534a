-- People, bounties, conversations, and the ledger (contract data-model B.1 to B.5).
-- Value sets are those of B.13; every aggregate has a version that its owner increments.

create table users (
    id uuid primary key,
    username text not null check (length(username) between 3 and 50),
    email text check (length(email) <= 254),
    email_verified_at timestamptz,
    age_attested_at timestamptz,
    role text not null default 'user' check (role in ('user', 'moderator', 'admin', 'super_admin')),
    account_status text not null default 'active'
        check (account_status in ('active', 'suspended', 'banned', 'deleted')),
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    deleted_at timestamptz
);
create unique index users_username on users (lower(username));
create unique index users_email on users (lower(email)) where deleted_at is null;

create table user_profiles (
    user_id uuid primary key references users on delete cascade,
    display_name text check (length(display_name) <= 100),
    avatar_url text check (length(avatar_url) <= 2000),
    about text check (length(about) <= 500),
    location_text text check (length(location_text) <= 200),
    onboarding_completed boolean not null default false,
    version bigint not null default 1,
    updated_at timestamptz not null default now()
);

create table bounties (
    id uuid primary key,
    poster_id uuid not null references users,
    hunter_id uuid references users,
    accepted_request_id uuid,
    title text not null check (length(title) between 5 and 200),
    description text not null check (length(description) between 1 and 5000),
    amount_cents bigint not null,
    currency char(3) not null default 'USD' check (currency = upper(currency)),
    platform_fee_bps int not null check (platform_fee_bps between 0 and 10000),
    policy_version int not null,
    is_for_honor boolean not null default false,
    status text not null default 'open' check (status in (
        'open', 'in_progress', 'completed', 'archived', 'cancelled', 'cancellation_requested',
        'deleted')),
    category text check (category in ('tech', 'design', 'writing', 'labor', 'delivery', 'other')),
    work_type text not null default 'online' check (work_type in ('online', 'in_person')),
    location_text text check (length(location_text) <= 200),
    zip_code text check (zip_code ~ '^[0-9]{5}$'),
    timeline text not null default '' check (length(timeline) <= 500),
    skills_required text not null default '' check (length(skills_required) <= 1000),
    is_time_sensitive boolean not null default false,
    deadline text check (length(deadline) <= 64),
    schedule_type text check (schedule_type in ('asap', 'scheduled', 'flexible')),
    start_date timestamptz,
    end_date timestamptz,
    latest_arrival_time timestamptz,
    duration_minutes int check (duration_minutes > 0),
    conditional_end_note text check (length(conditional_end_note) <= 1000),
    attachments jsonb not null default '[]' check (jsonb_typeof(attachments) = 'array'),
    completed_at timestamptz,
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check (is_for_honor = (amount_cents = 0)),
    check (is_for_honor or amount_cents >= 100),
    check (status not in ('in_progress', 'completed') or hunter_id is not null),
    check (hunter_id <> poster_id),
    check (end_date >= start_date)
);
create index bounties_newest on bounties (status, created_at desc, id desc);
create index bounties_poster on bounties (poster_id, status, created_at desc);
create index bounties_hunter on bounties (hunter_id, status) where hunter_id is not null;

create table bounty_requests (
    id uuid primary key,
    bounty_id uuid not null references bounties,
    hunter_id uuid not null references users,
    status text not null default 'pending'
        check (status in ('pending', 'accepted', 'rejected', 'withdrawn')),
    message text check (length(message) <= 1000),
    proposed_completion_at timestamptz,
    decided_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    unique (bounty_id, hunter_id)
);
create unique index bounty_requests_accepted on bounty_requests (bounty_id)
    where status = 'accepted';
create index bounty_requests_hunter on bounty_requests (hunter_id, status);
alter table bounties add foreign key (accepted_request_id) references bounty_requests;

create table bounty_status_history (
    id bigint generated always as identity primary key,
    bounty_id uuid not null references bounties,
    from_status text,
    to_status text not null,
    actor_id uuid not null,
    at timestamptz not null default now(),
    aggregate_version bigint not null,
    unique (bounty_id, aggregate_version)
);

create table completion_submissions (
    id uuid primary key,
    bounty_id uuid not null references bounties,
    hunter_id uuid not null references users,
    revision int not null default 0,
    message text not null check (length(message) between 1 and 1000),
    proof jsonb not null default '[]' check (jsonb_typeof(proof) = 'array'),
    status text not null default 'pending'
        check (status in ('pending', 'revision_requested', 'approved', 'rejected')),
    poster_feedback text check (length(poster_feedback) <= 1000),
    submitted_at timestamptz not null default now(),
    reviewed_at timestamptz,
    unique (bounty_id, revision)
);
create unique index completion_submissions_pending on completion_submissions (bounty_id)
    where status = 'pending';

create table ratings (
    id uuid primary key,
    bounty_id uuid not null references bounties,
    from_user_id uuid not null references users,
    to_user_id uuid not null references users,
    rating_tenths int not null check (rating_tenths between 10 and 50),
    comment text check (length(comment) <= 500),
    created_at timestamptz not null default now(),
    unique (bounty_id, from_user_id, to_user_id),
    check (from_user_id <> to_user_id)
);

create table conversations (
    id uuid primary key,
    kind text not null check (kind in ('dm', 'bounty', 'group')),
    bounty_id uuid references bounties,
    -- The sorted pair of user ids; a pair has one thread, and one more for each bounty.
    pair_key text,
    created_by uuid references users,
    name text check (length(name) <= 200),
    last_seq bigint not null default 0,
    epoch text not null default 'e1',
    last_message_at timestamptz,
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    check ((kind = 'group') = (pair_key is null)),
    check ((kind = 'bounty') = (bounty_id is not null))
);
create unique index conversations_pair on conversations (pair_key) where kind = 'dm';
create unique index conversations_bounty_pair on conversations (bounty_id, pair_key)
    where kind = 'bounty';

create table conversation_participants (
    conversation_id uuid not null references conversations,
    user_id uuid not null references users,
    role text not null default 'member' check (role in ('owner', 'admin', 'member')),
    last_read_seq bigint not null default 0,
    last_delivered_seq bigint not null default 0,
    joined_at timestamptz not null default now(),
    left_at timestamptz,
    primary key (conversation_id, user_id)
);
create index conversation_participants_user on conversation_participants (user_id)
    where left_at is null;

create table messages (
    id uuid primary key,
    conversation_id uuid not null references conversations,
    seq bigint not null,
    sender_id uuid not null references users,
    client_message_id text check (length(client_message_id) between 1 and 128),
    body text check (length(body) between 1 and 40000),
    kind text not null default 'text' check (kind in ('text', 'media', 'encrypted', 'system')),
    media_url text check (length(media_url) <= 2000),
    reply_to uuid,
    is_encrypted boolean not null default false,
    created_at timestamptz not null,
    unique (conversation_id, seq),
    unique (conversation_id, id),
    foreign key (conversation_id, reply_to) references messages (conversation_id, id),
    check (body is not null or media_url is not null)
);
create unique index messages_client_id on messages (sender_id, client_message_id)
    where client_message_id is not null;

create table ledger_accounts (
    id bigint generated always as identity primary key,
    kind text not null,
    sign_rule text not null check (sign_rule in ('non_negative', 'non_positive', 'any')),
    user_id uuid references users,
    bounty_id uuid references bounties,
    currency char(3) not null default 'USD',
    balance_cents bigint not null default 0,
    last_entry_seq bigint not null default 0,
    created_at timestamptz not null default now(),
    check (num_nonnulls(user_id, bounty_id) <= 1),
    constraint balance_sign check (
        sign_rule = 'any'
        or (sign_rule = 'non_negative' and balance_cents >= 0)
        or (sign_rule = 'non_positive' and balance_cents <= 0))
);
create unique index ledger_accounts_owner
    on ledger_accounts (kind, user_id, bounty_id, currency) nulls not distinct;

create table ledger_transfers (
    id uuid primary key,
    kind text not null,
    currency char(3) not null default 'USD',
    business_key text not null unique check (length(business_key) <= 300),
    reference_type text not null,
    reference_id text not null,
    actor_id uuid,
    posted_at timestamptz not null default now()
);
create index ledger_transfers_reference on ledger_transfers (reference_type, reference_id);

create table ledger_entries (
    id bigint generated always as identity primary key,
    transfer_id uuid not null references ledger_transfers,
    account_id bigint not null references ledger_accounts,
    amount_cents bigint not null check (amount_cents <> 0),
    account_seq bigint not null,
    balance_after_cents bigint not null,
    created_at timestamptz not null default now(),
    unique (account_id, account_seq)
);
create index ledger_entries_transfer on ledger_entries (transfer_id);

create function ledger_entries_are_final() returns trigger language plpgsql as $$
begin
    raise exception 'ledger entries are never changed; post a reversing transfer instead';
end $$;
create trigger ledger_entries_append_only before update or delete on ledger_entries
    for each row execute function ledger_entries_are_final();

create function ledger_transfer_balances() returns trigger language plpgsql as $$
begin
    if (select sum(amount_cents) from ledger_entries where transfer_id = new.transfer_id) <> 0 then
        raise exception 'ledger transfer % does not sum to zero', new.transfer_id;
    end if;
    return null;
end $$;
create constraint trigger ledger_transfer_sums_to_zero after insert on ledger_entries
    deferrable initially deferred for each row execute function ledger_transfer_balances();

create table stripe_accounts (
    user_id uuid primary key references users,
    customer_id text not null unique,
    created_at timestamptz not null default now()
);

create table payments (
    id uuid primary key,
    user_id uuid not null references users,
    kind text not null check (kind in ('deposit')),
    amount_cents bigint not null check (amount_cents > 0),
    currency char(3) not null default 'USD',
    status text not null default 'creating' check (status in (
        'creating', 'intent', 'action', 'processing', 'credited', 'canceled', 'failed')),
    description text check (length(description) <= 500),
    stripe_payment_intent_id text unique,
    failure_code text,
    idempotency_key text check (length(idempotency_key) between 1 and 255),
    request_hash text,
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
create unique index payments_idempotency on payments (user_id, idempotency_key)
    where idempotency_key is not null;
