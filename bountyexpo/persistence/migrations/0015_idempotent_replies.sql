-- The replies of operations are kept by their keys (contract money §3.8). A key is claimed before the
-- work and answered after it; in between, or after a crash, it has an attempt and no reply.

alter table idempotency_keys
    -- Who is at work under this key, and until when nobody else may be.
    add column attempt text check (length(attempt) between 1 and 128),
    add column lease_until timestamptz,
    add column attempts int not null default 1 check (attempts >= 1);

-- What a creation made is remembered in its own transaction; the reply of the operation is another.
update idempotency_keys set scope = 'bounty.made' where scope = 'bounty.create';
