-- Each run of a job that goes by the clock, written before it begins.

create table job_runs (
    id                  bigint generated always as identity primary key,
    job                 text not null check (length(job) between 1 and 64),
    -- The epoch of the lease under which it ran.
    epoch               bigint not null,
    node                text not null,
    -- The time that the run was for.
    due_at              timestamptz not null,
    started_at          timestamptz not null default clock_timestamp(),
    finished_at         timestamptz,
    outcome             text not null default 'running'
                        check (outcome in ('running', 'succeeded', 'failed', 'lost', 'skipped')),
    error               text,
    unique (job, epoch),
    check ((finished_at is null) = (outcome = 'running'))
);

create unique index job_runs_running on job_runs (job) where outcome = 'running';
create index job_runs_last on job_runs (job, due_at desc)
    where outcome in ('succeeded', 'failed', 'skipped');
