-- The sides of a dispute find it, and jobs find what falls due by time.
create index disputes_initiator on disputes (initiator_id, created_at desc)
    where initiator_id is not null;
create index disputes_respondent on disputes (respondent_id, created_at desc)
    where respondent_id is not null;
create index disputes_of_service on disputes (bounty_id) where initiator_id is null;
create index disputes_escalation on disputes (created_at)
    where escalated_at is null and status in ('open', 'under_review');
create index disputes_appeal_window on disputes (resolved_at)
    where status in ('resolved', 'resolved_hunter_wins', 'resolved_poster_wins');
create index dispute_appeals_dispute on dispute_appeals (dispute_id, created_at);
create index dispute_evidence_staged on dispute_evidence (uploader_id) where state <> 'committed';
