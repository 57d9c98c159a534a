-- Effects of one aggregate in their order, and one row for all the people that it is for.

alter table outbox add column recipients uuid[] not null default '{}';

create index outbox_unfinished on outbox (aggregate_type, aggregate_id, id)
    where status in ('pending', 'leased');
