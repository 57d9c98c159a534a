-- Money on its way to a bank, with all that the machine of a withdrawal remembers (contract money
-- §3.5), and the accounts that it is paid into (§3.6).

create table withdrawals (
    id                  uuid primary key,
    user_id             uuid not null references users,
    -- Asked for from a wallet, or what a bounty that was paid by card has earned.
    source              text not null check (source in ('wallet', 'escrow')),
    amount_cents        bigint not null check (amount_cents > 0),
    -- The fee of an instant payout that is still charged.
    fee_cents           bigint not null default 0 check (fee_cents >= 0),
    -- What partial reversals have brought back of the amount.
    returned_cents      bigint not null default 0
                        check (returned_cents between 0 and amount_cents),
    status              text not null check (status in (
                            'requested', 'transferred', 'payout_pending', 'reversing', 'paid',
                            'void', 'reversed', 'manually_paid')),
    is_instant          boolean not null default false,
    was_paid            boolean not null default false,
    -- The reversal was refused: only people can go on.
    is_stuck            boolean not null default false,
    retry_of            uuid references withdrawals,
    retries             int not null default 0 check (retries >= 0),
    stripe_account_id   text not null check (length(stripe_account_id) between 1 and 255),
    destination_id      text,
    transfer_id         text unique,
    payout_id           text unique,
    failure_code        text,
    failure_message     text check (length(failure_message) <= 500),
    -- What the provider has said, so that nothing of it counts twice.
    heard               text[] not null default '{}',
    -- The last call to the provider, with the key by which it is repeated; and when it is.
    call                jsonb check (jsonb_typeof(call) = 'object'),
    due_at              timestamptz,
    idempotency_key     text check (length(idempotency_key) between 1 and 255),
    request_hash        text,
    version             bigint not null default 1,
    created_at          timestamptz not null default now(),
    updated_at          timestamptz not null default now(),
    settled_at          timestamptz
);
create unique index withdrawals_idempotency on withdrawals (user_id, idempotency_key)
    where idempotency_key is not null;
-- Who has no key and taps twice still sends one (contract money §3.8).
create unique index withdrawals_one_in_flight on withdrawals (user_id)
    where source = 'wallet'
      and status in ('requested', 'transferred', 'payout_pending', 'reversing');
create index withdrawals_user on withdrawals (user_id, created_at desc);
create index withdrawals_due on withdrawals (due_at) where due_at is not null;

create table connect_accounts (
    user_id                 uuid primary key references users,
    -- The account that we have stored; whatever another one says of itself does not count.
    stripe_account_id       text unique check (length(stripe_account_id) between 1 and 255),
    state                   text not null check (state in (
                                'none', 'created', 'details_submitted', 'payouts_enabled',
                                'restricted')),
    are_details_submitted   boolean not null default false,
    are_charges_enabled     boolean not null default false,
    are_payouts_enabled     boolean not null default false,
    disabled_reason         text,
    requirements            jsonb not null default '[]'
                            check (jsonb_typeof(requirements) = 'array'),
    -- When payouts were enabled for the first time.
    onboarded_at            timestamptz,
    -- When the provider was asked for what is known; something older does not replace it.
    told_at                 timestamptz,
    version                 bigint not null default 1,
    created_at              timestamptz not null default now(),
    updated_at              timestamptz not null default now()
);
