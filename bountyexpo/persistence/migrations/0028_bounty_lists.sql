-- Each list of bounties is a walk along an index, in the order in which it is shown: by age, by price
-- or by the end of the work; for one poster, one hunter or one category, too (rest-core §2.3).

create index bounties_due on bounties
    (status, (coalesce(end_date, '9999-01-01T00:00:00Z'::timestamptz)), created_at, id);
create index bounties_category on bounties (category, status, created_at desc, id desc)
    where category is not null;

drop index bounties_poster;
create index bounties_poster on bounties (poster_id, status, created_at desc, id desc);
drop index bounties_hunter;
create index bounties_hunter on bounties (hunter_id, status, created_at desc, id desc)
    where hunter_id is not null;

-- The few whose offers nobody is shown.
create index users_inactive on users (id) where account_status <> 'active';
