-- How long the work will take, in the words of who applies.

alter table bounty_requests
    add column estimated_duration text check (length(estimated_duration) <= 100);
