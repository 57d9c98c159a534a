-- What a user's authority hangs on, and the bell that tells every process when it changes: whoever
-- changes it, by whatever way, the processes that keep a copy of it hear of it with the commit.

alter table users
    -- Since when the address is as it is: a token that was issued earlier says nothing new.
    add column email_as_of timestamptz,
    -- When everything but one sign-in was signed out: older tokens of sign-ins unknown then are over.
    add column signed_out_at timestamptz;

-- The sign-ins of a user that were ever shown to us; those that are over stay until their tokens are.
create table user_sessions (
    user_id uuid not null references users on delete cascade,
    session_id text not null check (length(session_id) between 1 and 128),
    seen_at timestamptz not null default now(),
    revoked_at timestamptz,
    primary key (user_id, session_id)
);
create index user_sessions_old on user_sessions (seen_at);

create function tell_user_standing() returns trigger language plpgsql as $$
begin
    perform pg_notify('standing', old.id::text);
    return null;
end $$;

create function tell_session_standing() returns trigger language plpgsql as $$
begin
    perform pg_notify('standing', new.user_id::text);
    return null;
end $$;

create trigger users_standing after update on users for each row
    when ((old.account_status, old.role, old.email, old.email_verified_at, old.signed_out_at)
        is distinct from
        (new.account_status, new.role, new.email, new.email_verified_at, new.signed_out_at))
    execute function tell_user_standing();
create trigger users_gone after delete on users for each row
    execute function tell_user_standing();
create trigger user_sessions_standing after update on user_sessions for each row
    when (old.revoked_at is distinct from new.revoked_at)
    execute function tell_session_standing();
create trigger user_sessions_born_over after insert on user_sessions for each row
    when (new.revoked_at is not null)
    execute function tell_session_standing();
