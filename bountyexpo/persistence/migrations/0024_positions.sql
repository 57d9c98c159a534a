-- Where the work of a bounty is, in degrees (WGS 84), so that what is near can be found.

alter table bounties
    add column latitude double precision check (latitude between -90 and 90),
    add column longitude double precision check (longitude between -180 and 180),
    add check ((latitude is null) = (longitude is null));
create index bounties_position on bounties (latitude, longitude) where latitude is not null;
