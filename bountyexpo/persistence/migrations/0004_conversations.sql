-- Changes of messages, reactions, receipts, groups and blocks (contract realtime §1, §3.5).

alter table conversations
    add column avatar_url text check (length(avatar_url) <= 2000),
    -- One pin per conversation; a new one replaces it.
    add column pinned_message_id uuid,
    add foreign key (id, pinned_message_id) references messages (conversation_id, id);

alter table conversation_participants
    -- Out of this user's list until a message comes that is newer; membership stays.
    add column hidden_at timestamptz,
    add column muted_until timestamptz,
    add check (last_read_seq >= 0 and last_delivered_seq >= last_read_seq);

-- A deleted message stays as a tombstone: its number, its author, and no content.
alter table messages
    drop constraint messages_check,
    add column edited_at timestamptz,
    add column deleted_at timestamptz,
    add constraint messages_content check (
        (deleted_at is null and (body is not null or media_url is not null))
        or (deleted_at is not null and body is null and media_url is null));

create table message_reactions (
    conversation_id uuid not null references conversations,
    message_id uuid not null,
    user_id uuid not null references users,
    emoji text not null check (length(emoji) between 1 and 32),
    created_at timestamptz not null default clock_timestamp(),
    primary key (message_id, emoji, user_id),
    foreign key (conversation_id, message_id) references messages (conversation_id, id)
);

create table user_blocks (
    blocker_id uuid not null references users,
    blocked_id uuid not null references users,
    created_at timestamptz not null default clock_timestamp(),
    primary key (blocker_id, blocked_id),
    check (blocker_id <> blocked_id)
);
create index user_blocks_blocked on user_blocks (blocked_id);
