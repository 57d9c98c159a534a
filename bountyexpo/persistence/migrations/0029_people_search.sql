-- People are found by what they show of themselves (rest-core §2.10, J3), by an index that is made
-- as that of bounties is.

alter table user_profiles
    add column search tsvector,
    add column is_search_old boolean not null default true;
create index user_profiles_search on user_profiles using gin (search);
create index user_profiles_search_old on user_profiles (user_id) where is_search_old;

create trigger user_profiles_search_is_old before update on user_profiles for each row
    when (new.search is not distinct from old.search
        and (new.display_name, new.about) is distinct from (old.display_name, old.about))
    execute function doubt_search();

create function doubt_search_of_user() returns trigger language plpgsql as $$
begin
    update user_profiles set is_search_old = true where user_id = new.id;
    return null;
end $$;
create trigger users_search_is_old after update on users for each row
    when (new.username is distinct from old.username)
    execute function doubt_search_of_user();
