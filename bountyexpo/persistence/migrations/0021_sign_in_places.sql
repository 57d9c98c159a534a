-- Where people have signed in before: there the right password always opens, whatever strangers try.

create table sign_in_places (
    user_id uuid not null references users on delete cascade,
    -- A digest of user and address, so that the table tells nobody where people are.
    place text not null check (length(place) = 32),
    seen_at timestamptz not null default now(),
    primary key (user_id, place)
);
create index sign_in_places_old on sign_in_places (seen_at);
