-- What is pruned, of the events of all streams: found by its age without looking at what stays.

drop index stream_events_by_age;
create index stream_events_passing on stream_events (created_at)
    where stream like 'user:%' or type = 'message.reaction';
