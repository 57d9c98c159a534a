-- Bounties on which two people are at work, and must be able to talk: what chat may ask the market
-- without knowing its statuses (domain/market/bounty.py, RUNNING).

create view running_bounties as
    select id, poster_id, hunter_id from bounties
    where status in ('in_progress', 'cancellation_requested');
