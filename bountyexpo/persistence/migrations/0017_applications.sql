-- Applications are listed by who made or received them, and looked at by their status: each from an
-- index, however many others there are. The poster of a bounty never changes, so the row says it.

alter table bounty_requests add column poster_id uuid references users;
update bounty_requests r set poster_id = b.poster_id from bounties b where b.id = r.bounty_id;
alter table bounty_requests alter column poster_id set not null;

create function name_poster_of_request() returns trigger language plpgsql as $$
begin
    select b.poster_id into new.poster_id from bounties b where b.id = new.bounty_id;
    return new;
end
$$;
create trigger name_poster before insert on bounty_requests
    for each row execute function name_poster_of_request();

drop index bounty_requests_hunter;
create index bounty_requests_made on bounty_requests (hunter_id, status, created_at desc, id desc);
create index bounty_requests_received
    on bounty_requests (poster_id, status, created_at desc, id desc);
create index bounty_requests_of_bounty
    on bounty_requests (bounty_id, status, created_at desc, id desc);
