-- Who answered finds the cancellation again, as who asked for it does.
create index bounty_cancellations_responder on bounty_cancellations (responder_id, created_at desc)
    where responder_id is not null;
