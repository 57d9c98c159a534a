-- The search index of bounties (data-model B.12). Its content is made by the service, which cuts
-- texts and questions into words in one way; a job indexes what was written by others.

alter table bounties
    add column search tsvector,
    add column search_place text not null default '',
    add column search_skills text not null default '',
    add column is_search_old boolean not null default true;
create index bounties_search on bounties using gin (search) with (gin_pending_list_limit = 256);
create index bounties_search_old on bounties (id) where is_search_old;
create index bounties_price on bounties (status, amount_cents, created_at, id);

-- Whoever changes what is looked for by another way than the service lets it be indexed anew.
create function doubt_search() returns trigger language plpgsql as $$
begin
    new.is_search_old := true;
    return new;
end $$;
create trigger bounties_search_is_old before update on bounties for each row
    when (new.search is not distinct from old.search
        and (new.title, new.description, new.skills_required, new.location_text, new.category,
             new.work_type, new.is_for_honor)
        is distinct from
        (old.title, old.description, old.skills_required, old.location_text, old.category,
         old.work_type, old.is_for_honor))
    execute function doubt_search();

-- Every word and mark of a bounty, and in how many it stands; one of gone bounties stays.
create table search_words (
    word text collate "C" primary key check (length(word) between 1 and 64),
    bounties bigint not null default 0 check (bounties >= 0)
);

-- What is left of a word without some of its letters, by which words with mistakes are found.
create table search_forms (
    form text collate "C" not null,
    word text collate "C" not null,
    primary key (form, word)
);

-- What the words of bounties have gained and lost. Counting them at once would make everybody who
-- posts wait for everybody else; a job adds them up.
create table search_changes (
    id bigint generated always as identity primary key,
    gained text[] not null,
    lost text[] not null
);
