-- The escrow of each bounty as its own machine has it (contract money §3.3), and the times at which
-- jobs tell bounties and deposits that something is due.

alter table bounties
    add column escrow_state text not null default 'none' check (escrow_state in (
        'none', 'funding', 'held', 'frozen', 'releasing', 'refunding', 'released', 'refunded',
        'charged_back')),
    add column expiry_notified_at timestamptz;

update bounties set escrow_state = case status when 'completed' then 'released' else 'held' end
where amount_cents > 0;

create index bounties_expiry on bounties (status, end_date)
    where end_date is not null and expiry_notified_at is null;

alter table payments add column give_up_at timestamptz;

update payments set give_up_at = updated_at + interval '24 hours' where status in ('intent', 'action');

create index payments_given_up on payments (give_up_at) where give_up_at is not null;
