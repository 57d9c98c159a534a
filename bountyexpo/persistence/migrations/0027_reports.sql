-- What people say should not be here, and what was decided about it (data-model B.9).

create table reports (
    id uuid primary key,
    reporter_id uuid not null references users,
    content_type text not null check (content_type in ('bounty', 'profile', 'message')),
    content_id uuid not null,
    -- Whose content it is, and the bounty that it belongs to, if any.
    reported_user_id uuid not null references users,
    bounty_id uuid references bounties,
    reason text not null
        check (reason in ('spam', 'harassment', 'inappropriate', 'fraud', 'other')),
    details text check (length(details) <= 2000),
    status text not null default 'pending'
        check (status in ('pending', 'reviewed', 'resolved', 'dismissed')),
    reviewed_by uuid references users,
    reviewed_at timestamptz,
    resolution_notes text check (length(resolution_notes) <= 2000),
    version bigint not null default 1,
    created_at timestamptz not null default clock_timestamp(),
    check (reporter_id <> reported_user_id),
    check (num_nonnulls(reviewed_by, reviewed_at) = case status when 'pending' then 0 else 2 end)
);
create unique index reports_open on reports (reporter_id, content_type, content_id)
    where status = 'pending';
create index reports_newest on reports (created_at desc, id desc);
create index reports_by_status on reports (status, created_at desc, id desc);
create index reports_of_content on reports (content_type, content_id);
