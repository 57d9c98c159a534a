-- What a customer is made with at the payment provider is kept before it is made, so that a repeat
-- after a crash is the same request (contract money §3.2).

alter table stripe_accounts
    alter column customer_id drop not null,
    -- Only until it is made.
    add column customer_email text,
    add constraint stripe_accounts_email_check check (customer_id is null or customer_email is null);
