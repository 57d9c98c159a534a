-- The public key under which messages to a user are encrypted; each other one has the next version,
-- so that peers know when to drop the one they keep (contract realtime §3.5).

alter table user_profiles
    add column e2e_public_key text check (length(e2e_public_key) = 44),
    add column e2e_key_version integer not null default 0 check (e2e_key_version >= 0),
    add check ((e2e_public_key is null) = (e2e_key_version = 0));
