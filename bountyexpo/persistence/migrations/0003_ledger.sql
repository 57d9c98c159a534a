-- The whole ledger: all sixteen kinds of accounts, reservations, holds, reversals (data-model B.4).

alter table ledger_accounts
    drop constraint ledger_accounts_check,
    drop constraint balance_sign,
    add column payout_id uuid,
    add column stripe_account_id text check (length(stripe_account_id) between 1 and 255),
    -- What pending transfers will take; it is still here and cannot be taken by anything else.
    add column reserved_cents bigint not null default 0 check (reserved_cents >= 0),
    -- Nothing but what the law of the ledger names is taken from a frozen account.
    add column frozen boolean not null default false;

-- The mirror of the provider's balance repeats facts, and a chargeback may take more than is there.
update ledger_accounts set sign_rule = 'any' where kind = 'stripe_platform';

alter table ledger_accounts
    add constraint kind_is_known check (kind in (
        'user_available', 'user_held', 'user_debt', 'bounty_escrow', 'bounty_escrow_frozen',
        'withdrawal_in_flight', 'stripe_platform', 'stripe_connect', 'stripe_dispute_withheld',
        'platform_fees', 'platform_instant_fees', 'platform_stripe_fees', 'platform_dispute_fees',
        'platform_writeoff', 'platform_adjustments', 'platform_opening')),
    add constraint owner_fits_kind check (
        (user_id is not null) = (kind in ('user_available', 'user_held', 'user_debt'))
        and (bounty_id is not null) = (kind in ('bounty_escrow', 'bounty_escrow_frozen'))
        and (payout_id is not null) = (kind = 'withdrawal_in_flight')
        and (stripe_account_id is not null) = (kind = 'stripe_connect')),
    add constraint balance_sign check (
        sign_rule = 'any'
        or (sign_rule = 'non_negative' and balance_cents >= reserved_cents)
        or (sign_rule = 'non_positive' and balance_cents <= 0));

drop index ledger_accounts_owner;
create unique index ledger_accounts_owner
    on ledger_accounts (kind, user_id, bounty_id, payout_id, stripe_account_id, currency)
    nulls not distinct;

alter table ledger_transfers
    add column amount_cents bigint check (amount_cents > 0),
    -- What a repetition must have in common with the first; older transfers have none.
    add column request_hash text,
    add column phase text not null default 'posted'
        check (phase in ('posted', 'pending', 'voided', 'expired')),
    -- A pending transfer ends once, and a posted one is taken back once.
    add column pending_transfer_id uuid unique references ledger_transfers,
    add column reverses_transfer_id uuid unique references ledger_transfers,
    add column expires_at timestamptz,
    add column reason text check (length(reason) <= 1000),
    add constraint only_an_intention_expires check (expires_at is null or phase = 'pending');
create index ledger_transfers_pending on ledger_transfers (expires_at) where phase = 'pending';

create function ledger_transfers_are_final() returns trigger language plpgsql as $$
begin
    raise exception 'ledger transfers are never changed; post a reversing transfer instead';
end $$;
create trigger ledger_transfers_append_only before update or delete on ledger_transfers
    for each row execute function ledger_transfers_are_final();

-- The lines of a pending transfer; they become entries when another transfer posts it.
create table ledger_pending_entries (
    transfer_id uuid not null references ledger_transfers,
    account_id bigint not null references ledger_accounts,
    amount_cents bigint not null check (amount_cents <> 0),
    primary key (transfer_id, account_id)
);
create trigger ledger_pending_entries_append_only before update or delete on ledger_pending_entries
    for each row execute function ledger_entries_are_final();

create or replace function ledger_transfer_balances() returns trigger language plpgsql as $$
begin
    if (select sum(amount_cents) from ledger_entries where transfer_id = new.transfer_id) <> 0 then
        raise exception 'ledger transfer % does not sum to zero', new.transfer_id;
    end if;
    if exists (select 1 from ledger_accounts a, ledger_transfers t
               where a.id = new.account_id and t.id = new.transfer_id
                 and a.currency <> t.currency) then
        raise exception 'ledger transfer % mixes currencies', new.transfer_id;
    end if;
    return null;
end $$;

create table ledger_holds (
    id bigint generated always as identity primary key,
    kind text not null check (kind in ('chargeback', 'bounty_dispute', 'risk_reserve')),
    reference_id text not null,
    user_id uuid not null references users,
    wanted_cents bigint not null check (wanted_cents > 0),
    amount_cents bigint not null check (amount_cents >= 0),
    status text not null default 'active' check (status in ('active', 'released', 'consumed')),
    transfer_id uuid not null references ledger_transfers,
    release_transfer_id uuid references ledger_transfers,
    expires_at timestamptz,
    version bigint not null default 1,
    created_at timestamptz not null default now(),
    check (amount_cents <= wanted_cents),
    check ((status = 'active') = (release_transfer_id is null)),
    unique (kind, reference_id)
);
create index ledger_holds_user on ledger_holds (user_id) where status = 'active';
create index ledger_holds_expiry on ledger_holds (expires_at) where status = 'active';
