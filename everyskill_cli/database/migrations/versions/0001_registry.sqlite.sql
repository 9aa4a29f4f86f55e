-- Format 1, SQLite: tables, then triggers. Never edited after its release.

CREATE TABLE registry (
    id TEXT NOT NULL,
    format_version INTEGER NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT pk_registry PRIMARY KEY (id),
    CONSTRAINT ck_registry_id CHECK (length(id) = 36 AND id NOT GLOB '*[^0-9a-f-]*'),
    CONSTRAINT ck_registry_types CHECK ((typeof(id) = 'text' AND instr(id, char(0)) = 0)
        AND (typeof(format_version) = 'integer')
        AND (created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z'))
);

CREATE UNIQUE INDEX ix_registry_one_row ON registry ((id IS NOT NULL));

CREATE TABLE users (
    id TEXT NOT NULL,
    email TEXT NOT NULL,
    name TEXT,
    db_login TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    CONSTRAINT pk_users PRIMARY KEY (id),
    CONSTRAINT ck_users_email CHECK (email = lower(email)),
    CONSTRAINT ck_users_id CHECK (length(id) = 36 AND id NOT GLOB '*[^0-9a-f-]*'),
    CONSTRAINT uq_users_email UNIQUE (email),
    CONSTRAINT uq_users_db_login UNIQUE (db_login),
    CONSTRAINT ck_users_types CHECK ((typeof(id) = 'text' AND instr(id, char(0)) = 0)
        AND (typeof(email) = 'text' AND instr(email, char(0)) = 0)
        AND (name IS NULL OR typeof(name) = 'text' AND instr(name, char(0)) = 0)
        AND (db_login IS NULL OR typeof(db_login) = 'text' AND instr(db_login, char(0)) = 0)
        AND (created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z')
        AND (updated_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z'))
);

CREATE TABLE condemned (
    content_url TEXT NOT NULL,
    since TEXT NOT NULL,
    deleted_at TEXT,
    CONSTRAINT pk_condemned PRIMARY KEY (content_url),
    CONSTRAINT ck_condemned_types CHECK ((typeof(content_url) = 'text' AND instr(content_url, char(0)) = 0)
        AND (since GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z')
        AND (deleted_at IS NULL OR deleted_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z'))
);

CREATE TABLE skills (
    id TEXT NOT NULL,
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    category TEXT,
    tags JSON NOT NULL,
    author_id TEXT NOT NULL,
    latest_version INTEGER DEFAULT 0 NOT NULL,
    head_version INTEGER GENERATED ALWAYS AS (nullif(latest_version, 0)) STORED,
    published_version_id TEXT,
    draft_version_id TEXT,
    total_uses BIGINT DEFAULT 0 NOT NULL,
    stars_1 BIGINT DEFAULT 0 NOT NULL,
    stars_2 BIGINT DEFAULT 0 NOT NULL,
    stars_3 BIGINT DEFAULT 0 NOT NULL,
    stars_4 BIGINT DEFAULT 0 NOT NULL,
    stars_5 BIGINT DEFAULT 0 NOT NULL,
    hours_saved BIGINT DEFAULT 0 NOT NULL,
    average_rating BIGINT GENERATED ALWAYS AS (
        (200 * (1 * stars_1 + 2 * stars_2 + 3 * stars_3 + 4 * stars_4 + 5 * stars_5) + (stars_1 + stars_2 + stars_3 + stars_4 + stars_5))
        / nullif(2 * (stars_1 + stars_2 + stars_3 + stars_4 + stars_5), 0)
    ) STORED,
    content TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    CONSTRAINT pk_skills PRIMARY KEY (id),
    CONSTRAINT fk_skills_id_published_version_id FOREIGN KEY(id, published_version_id) REFERENCES skill_versions (skill_id, id),
    CONSTRAINT fk_skills_id_draft_version_id FOREIGN KEY(id, draft_version_id) REFERENCES skill_versions (skill_id, id),
    CONSTRAINT fk_skills_id_head_version FOREIGN KEY(id, head_version) REFERENCES skill_versions (skill_id, version) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT ck_skills_id CHECK (length(id) = 36 AND id NOT GLOB '*[^0-9a-f-]*'),
    CONSTRAINT ck_skills_slug CHECK (slug NOT GLOB '*[^a-z0-9-]*' AND slug NOT GLOB '-*' AND slug NOT GLOB '*-' AND slug NOT GLOB '*--*' AND length(slug) BETWEEN 1 AND 64),
    CONSTRAINT ck_skills_latest_version CHECK (latest_version >= 0),
    CONSTRAINT uq_skills_slug UNIQUE (slug),
    CONSTRAINT fk_skills_author_id FOREIGN KEY(author_id) REFERENCES users (id),
    CONSTRAINT ck_skills_types CHECK ((typeof(id) = 'text' AND instr(id, char(0)) = 0)
        AND (typeof(slug) = 'text' AND instr(slug, char(0)) = 0)
        AND (typeof(name) = 'text' AND instr(name, char(0)) = 0)
        AND (typeof(description) = 'text' AND instr(description, char(0)) = 0)
        AND (category IS NULL OR typeof(category) = 'text' AND instr(category, char(0)) = 0)
        AND (typeof(tags) = 'text' AND instr(tags, char(0)) = 0)
        AND (typeof(author_id) = 'text' AND instr(author_id, char(0)) = 0)
        AND (typeof(latest_version) = 'integer')
        AND (published_version_id IS NULL OR typeof(published_version_id) = 'text' AND instr(published_version_id, char(0)) = 0)
        AND (draft_version_id IS NULL OR typeof(draft_version_id) = 'text' AND instr(draft_version_id, char(0)) = 0)
        AND (typeof(total_uses) = 'integer')
        AND (typeof(stars_1) = 'integer')
        AND (typeof(stars_2) = 'integer')
        AND (typeof(stars_3) = 'integer')
        AND (typeof(stars_4) = 'integer')
        AND (typeof(stars_5) = 'integer')
        AND (typeof(hours_saved) = 'integer')
        AND (content IS NULL OR typeof(content) = 'text' AND instr(content, char(0)) = 0)
        AND (created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z')
        AND (updated_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z'))
);

CREATE INDEX ix_skills_updated ON skills (updated_at, slug);

CREATE INDEX ix_skills_uses ON skills (total_uses, slug);

CREATE INDEX ix_skills_created ON skills (created_at, slug);

CREATE INDEX ix_skills_rating ON skills (coalesce(average_rating, 0), slug);

CREATE TABLE tombstones (
    slug TEXT NOT NULL,
    skill_id TEXT NOT NULL,
    last_version INTEGER NOT NULL,
    head_hash TEXT NOT NULL,
    reason TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT pk_tombstones PRIMARY KEY (slug),
    CONSTRAINT uq_tombstones_skill_id UNIQUE (skill_id),
    CONSTRAINT fk_tombstones_actor_id FOREIGN KEY(actor_id) REFERENCES users (id),
    CONSTRAINT ck_tombstones_types CHECK ((typeof(slug) = 'text' AND instr(slug, char(0)) = 0)
        AND (typeof(skill_id) = 'text' AND instr(skill_id, char(0)) = 0)
        AND (typeof(last_version) = 'integer')
        AND (typeof(head_hash) = 'text' AND instr(head_hash, char(0)) = 0)
        AND (typeof(reason) = 'text' AND instr(reason, char(0)) = 0)
        AND (typeof(actor_id) = 'text' AND instr(actor_id, char(0)) = 0)
        AND (created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z'))
);

CREATE TABLE skill_versions (
    id TEXT NOT NULL,
    skill_id TEXT NOT NULL,
    version INTEGER NOT NULL,
    content_url TEXT NOT NULL,
    content_hash TEXT NOT NULL,
    content_type TEXT NOT NULL,
    size_bytes BIGINT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    files JSON NOT NULL,
    metadata JSON NOT NULL,
    message TEXT,
    details_hash TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT pk_skill_versions PRIMARY KEY (id),
    CONSTRAINT uq_skill_versions_skill_id_version UNIQUE (skill_id, version),
    CONSTRAINT uq_skill_versions_skill_id_id UNIQUE (skill_id, id),
    CONSTRAINT fk_skill_versions_skill_id_version FOREIGN KEY(skill_id, version) REFERENCES version_events (skill_id, born_version) DEFERRABLE INITIALLY DEFERRED,
    CONSTRAINT ck_skill_versions_id CHECK (length(id) = 36 AND id NOT GLOB '*[^0-9a-f-]*'),
    CONSTRAINT ck_skill_versions_version CHECK (version >= 1),
    CONSTRAINT ck_skill_versions_content_url CHECK (content_url = 'sha256/' || substr(content_hash, 1, 2) || '/' || content_hash),
    CONSTRAINT ck_skill_versions_size_bytes CHECK (size_bytes BETWEEN 0 AND 52428800),
    CONSTRAINT ck_skill_versions_message CHECK (length(message) <= 2000),
    CONSTRAINT ck_skill_versions_content_hash CHECK (length(content_hash) = 64 AND content_hash NOT GLOB '*[^0-9a-f]*'),
    CONSTRAINT ck_skill_versions_details_hash CHECK (length(details_hash) = 64 AND details_hash NOT GLOB '*[^0-9a-f]*'),
    CONSTRAINT fk_skill_versions_skill_id FOREIGN KEY(skill_id) REFERENCES skills (id) ON DELETE CASCADE,
    CONSTRAINT fk_skill_versions_created_by FOREIGN KEY(created_by) REFERENCES users (id),
    CONSTRAINT ck_skill_versions_types CHECK ((typeof(id) = 'text' AND instr(id, char(0)) = 0)
        AND (typeof(skill_id) = 'text' AND instr(skill_id, char(0)) = 0)
        AND (typeof(version) = 'integer')
        AND (typeof(content_url) = 'text' AND instr(content_url, char(0)) = 0)
        AND (typeof(content_hash) = 'text' AND instr(content_hash, char(0)) = 0)
        AND (typeof(content_type) = 'text' AND instr(content_type, char(0)) = 0)
        AND (typeof(size_bytes) = 'integer')
        AND (typeof(name) = 'text' AND instr(name, char(0)) = 0)
        AND (typeof(description) = 'text' AND instr(description, char(0)) = 0)
        AND (typeof(files) = 'text' AND instr(files, char(0)) = 0)
        AND (typeof(metadata) = 'text' AND instr(metadata, char(0)) = 0)
        AND (message IS NULL OR typeof(message) = 'text' AND instr(message, char(0)) = 0)
        AND (typeof(details_hash) = 'text' AND instr(details_hash, char(0)) = 0)
        AND (typeof(created_by) = 'text' AND instr(created_by, char(0)) = 0)
        AND (created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z'))
);

CREATE INDEX ix_skill_versions_created_by ON skill_versions (skill_id, created_by);

CREATE INDEX ix_skill_versions_content_url ON skill_versions (content_url);

CREATE TABLE version_events (
    id TEXT NOT NULL,
    skill_id TEXT NOT NULL,
    seq INTEGER NOT NULL,
    kind TEXT NOT NULL,
    version INTEGER NOT NULL,
    published_version INTEGER,
    draft_version INTEGER,
    reason TEXT,
    successor INTEGER,
    actor_id TEXT NOT NULL,
    created_at TEXT NOT NULL,
    prev_hash TEXT NOT NULL,
    entry_hash TEXT NOT NULL,
    born_version INTEGER GENERATED ALWAYS AS (CASE WHEN kind IN ('publish', 'draft') THEN version END) STORED,
    CONSTRAINT pk_version_events PRIMARY KEY (id),
    CONSTRAINT uq_version_events_skill_id_seq UNIQUE (skill_id, seq),
    CONSTRAINT uq_version_events_skill_id_born_version UNIQUE (skill_id, born_version),
    CONSTRAINT ck_version_events_id CHECK (length(id) = 36 AND id NOT GLOB '*[^0-9a-f-]*'),
    CONSTRAINT fk_version_events_skill_id_version FOREIGN KEY(skill_id, version) REFERENCES skill_versions (skill_id, version) ON DELETE CASCADE,
    CONSTRAINT fk_version_events_skill_id_published_version FOREIGN KEY(skill_id, published_version) REFERENCES skill_versions (skill_id, version) ON DELETE CASCADE,
    CONSTRAINT fk_version_events_skill_id_draft_version FOREIGN KEY(skill_id, draft_version) REFERENCES skill_versions (skill_id, version) ON DELETE CASCADE,
    CONSTRAINT fk_version_events_skill_id_successor FOREIGN KEY(skill_id, successor) REFERENCES skill_versions (skill_id, version) ON DELETE CASCADE,
    CONSTRAINT ck_version_events_kind CHECK (kind IN ('publish', 'draft', 'promote', 'rollback', 'yank', 'unyank', 'purge')),
    CONSTRAINT ck_version_events_seq CHECK (seq >= 1),
    CONSTRAINT ck_version_events_reason CHECK (length(reason) <= 2000),
    CONSTRAINT ck_version_events_prev_hash CHECK (length(prev_hash) = 64 AND prev_hash NOT GLOB '*[^0-9a-f]*'),
    CONSTRAINT ck_version_events_entry_hash CHECK (length(entry_hash) = 64 AND entry_hash NOT GLOB '*[^0-9a-f]*'),
    CONSTRAINT fk_version_events_skill_id FOREIGN KEY(skill_id) REFERENCES skills (id) ON DELETE CASCADE,
    CONSTRAINT fk_version_events_actor_id FOREIGN KEY(actor_id) REFERENCES users (id),
    CONSTRAINT ck_version_events_types CHECK ((typeof(id) = 'text' AND instr(id, char(0)) = 0)
        AND (typeof(skill_id) = 'text' AND instr(skill_id, char(0)) = 0)
        AND (typeof(seq) = 'integer')
        AND (typeof(kind) = 'text' AND instr(kind, char(0)) = 0)
        AND (typeof(version) = 'integer')
        AND (published_version IS NULL OR typeof(published_version) = 'integer')
        AND (draft_version IS NULL OR typeof(draft_version) = 'integer')
        AND (reason IS NULL OR typeof(reason) = 'text' AND instr(reason, char(0)) = 0)
        AND (successor IS NULL OR typeof(successor) = 'integer')
        AND (typeof(actor_id) = 'text' AND instr(actor_id, char(0)) = 0)
        AND (created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z')
        AND (typeof(prev_hash) = 'text' AND instr(prev_hash, char(0)) = 0)
        AND (typeof(entry_hash) = 'text' AND instr(entry_hash, char(0)) = 0))
);

CREATE INDEX ix_version_events_version ON version_events (skill_id, version);

CREATE TABLE version_state (
    skill_version_id TEXT NOT NULL,
    skill_id TEXT NOT NULL,
    stars_1 BIGINT DEFAULT 0 NOT NULL,
    stars_2 BIGINT DEFAULT 0 NOT NULL,
    stars_3 BIGINT DEFAULT 0 NOT NULL,
    stars_4 BIGINT DEFAULT 0 NOT NULL,
    stars_5 BIGINT DEFAULT 0 NOT NULL,
    hours_saved BIGINT DEFAULT 0 NOT NULL,
    average_rating BIGINT GENERATED ALWAYS AS (
        (200 * (1 * stars_1 + 2 * stars_2 + 3 * stars_3 + 4 * stars_4 + 5 * stars_5) + (stars_1 + stars_2 + stars_3 + stars_4 + stars_5))
        / nullif(2 * (stars_1 + stars_2 + stars_3 + stars_4 + stars_5), 0)
    ) STORED,
    uses BIGINT DEFAULT 0 NOT NULL,
    yanked_at TEXT,
    yank_reason TEXT,
    successor INTEGER,
    purged_at TEXT,
    CONSTRAINT pk_version_state PRIMARY KEY (skill_version_id),
    CONSTRAINT fk_version_state_skill_id_skill_version_id FOREIGN KEY(skill_id, skill_version_id) REFERENCES skill_versions (skill_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_version_state_skill_id FOREIGN KEY(skill_id) REFERENCES skills (id) ON DELETE CASCADE,
    CONSTRAINT ck_version_state_types CHECK ((typeof(skill_version_id) = 'text' AND instr(skill_version_id, char(0)) = 0)
        AND (typeof(skill_id) = 'text' AND instr(skill_id, char(0)) = 0)
        AND (typeof(stars_1) = 'integer')
        AND (typeof(stars_2) = 'integer')
        AND (typeof(stars_3) = 'integer')
        AND (typeof(stars_4) = 'integer')
        AND (typeof(stars_5) = 'integer')
        AND (typeof(hours_saved) = 'integer')
        AND (typeof(uses) = 'integer')
        AND (yanked_at IS NULL OR yanked_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z')
        AND (yank_reason IS NULL OR typeof(yank_reason) = 'text' AND instr(yank_reason, char(0)) = 0)
        AND (successor IS NULL OR typeof(successor) = 'integer')
        AND (purged_at IS NULL OR purged_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z'))
);

CREATE INDEX ix_version_state_skill_id ON version_state (skill_id);

CREATE TABLE ratings (
    id TEXT NOT NULL,
    skill_id TEXT NOT NULL,
    skill_version_id TEXT NOT NULL,
    user_id TEXT NOT NULL,
    rating INTEGER NOT NULL,
    comment TEXT,
    hours_saved_estimate INTEGER,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,
    CONSTRAINT pk_ratings PRIMARY KEY (id),
    CONSTRAINT fk_ratings_skill_id_skill_version_id FOREIGN KEY(skill_id, skill_version_id) REFERENCES skill_versions (skill_id, id) ON DELETE CASCADE,
    CONSTRAINT uq_ratings_user_id_skill_version_id UNIQUE (user_id, skill_version_id),
    CONSTRAINT ck_ratings_id CHECK (length(id) = 36 AND id NOT GLOB '*[^0-9a-f-]*'),
    CONSTRAINT ck_ratings_rating CHECK (rating BETWEEN 1 AND 5),
    CONSTRAINT ck_ratings_comment CHECK (length(comment) <= 2000),
    CONSTRAINT ck_ratings_hours_saved_estimate CHECK (hours_saved_estimate BETWEEN 0 AND 1000),
    CONSTRAINT fk_ratings_skill_id FOREIGN KEY(skill_id) REFERENCES skills (id) ON DELETE CASCADE,
    CONSTRAINT fk_ratings_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE,
    CONSTRAINT ck_ratings_types CHECK ((typeof(id) = 'text' AND instr(id, char(0)) = 0)
        AND (typeof(skill_id) = 'text' AND instr(skill_id, char(0)) = 0)
        AND (typeof(skill_version_id) = 'text' AND instr(skill_version_id, char(0)) = 0)
        AND (typeof(user_id) = 'text' AND instr(user_id, char(0)) = 0)
        AND (typeof(rating) = 'integer')
        AND (comment IS NULL OR typeof(comment) = 'text' AND instr(comment, char(0)) = 0)
        AND (hours_saved_estimate IS NULL OR typeof(hours_saved_estimate) = 'integer')
        AND (created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z')
        AND (updated_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z'))
);

CREATE INDEX ix_ratings_newest ON ratings (skill_id, updated_at, id);

CREATE INDEX ix_ratings_of_version ON ratings (skill_version_id, updated_at, id);

CREATE INDEX ix_ratings_comments ON ratings (skill_id, updated_at, id) WHERE comment IS NOT NULL;

CREATE TABLE usage_events (
    id TEXT NOT NULL,
    skill_id TEXT NOT NULL,
    skill_version_id TEXT,
    user_id TEXT,
    tool_name TEXT NOT NULL,
    external_id TEXT,
    metadata JSON NOT NULL,
    created_at TEXT NOT NULL,
    CONSTRAINT pk_usage_events PRIMARY KEY (id),
    CONSTRAINT fk_usage_events_skill_id_skill_version_id FOREIGN KEY(skill_id, skill_version_id) REFERENCES skill_versions (skill_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_usage_events_id CHECK (length(id) = 36 AND id NOT GLOB '*[^0-9a-f-]*'),
    CONSTRAINT fk_usage_events_skill_id FOREIGN KEY(skill_id) REFERENCES skills (id) ON DELETE CASCADE,
    CONSTRAINT fk_usage_events_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE SET NULL,
    CONSTRAINT uq_usage_events_external_id UNIQUE (external_id),
    CONSTRAINT ck_usage_events_types CHECK ((typeof(id) = 'text' AND instr(id, char(0)) = 0)
        AND (typeof(skill_id) = 'text' AND instr(skill_id, char(0)) = 0)
        AND (skill_version_id IS NULL OR typeof(skill_version_id) = 'text' AND instr(skill_version_id, char(0)) = 0)
        AND (user_id IS NULL OR typeof(user_id) = 'text' AND instr(user_id, char(0)) = 0)
        AND (typeof(tool_name) = 'text' AND instr(tool_name, char(0)) = 0)
        AND (external_id IS NULL OR typeof(external_id) = 'text' AND instr(external_id, char(0)) = 0)
        AND (typeof(metadata) = 'text' AND instr(metadata, char(0)) = 0)
        AND (created_at GLOB '[0-9][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-5][0-9]:[0-5][0-9].[0-9][0-9][0-9]Z'))
);

CREATE INDEX ix_usage_events_user ON usage_events (user_id);

CREATE INDEX ix_usage_events_skill ON usage_events (skill_id, created_at);

CREATE INDEX ix_usage_events_version ON usage_events (skill_version_id);

-- Triggers. A message is 'everyskill: <table>: <rule>'. INSERT OR REPLACE bypasses DELETE triggers
-- where recursive_triggers is off, so every guarded table refuses it before the row is touched, by
-- every unique key and the rowid.

CREATE TRIGGER registry_insert BEFORE INSERT ON registry
WHEN EXISTS (SELECT 1 FROM registry)
BEGIN
    SELECT RAISE(ABORT, 'everyskill: registry: there is one row, and it is never replaced');
END;

CREATE TRIGGER registry_update BEFORE UPDATE ON registry
BEGIN
    SELECT RAISE(ABORT, 'everyskill: registry: the row never changes');
END;

CREATE TRIGGER registry_delete BEFORE DELETE ON registry
BEGIN
    SELECT RAISE(ABORT, 'everyskill: registry: the row is never deleted');
END;

CREATE TRIGGER users_insert BEFORE INSERT ON users
WHEN EXISTS (
    SELECT 1 FROM users
    WHERE id = NEW.id OR email = NEW.email OR db_login = NEW.db_login OR rowid = NEW.rowid
)
BEGIN
    SELECT RAISE(ABORT, 'everyskill: users: a user is never replaced');
END;

CREATE TRIGGER users_update BEFORE UPDATE ON users
WHEN NEW.id IS NOT OLD.id OR NEW.rowid IS NOT OLD.rowid OR NEW.created_at IS NOT OLD.created_at
    OR EXISTS (
        SELECT 1 FROM users
        WHERE id <> OLD.id AND (email = NEW.email OR db_login = NEW.db_login)
    )
BEGIN
    SELECT RAISE(ABORT, 'everyskill: users: id and created_at never change, another user is never replaced');
END;

CREATE TRIGGER skills_insert BEFORE INSERT ON skills
BEGIN
    SELECT RAISE(ABORT, 'everyskill: skills: a skill is never replaced')
    WHERE EXISTS (SELECT 1 FROM skills WHERE id = NEW.id OR slug = NEW.slug OR rowid = NEW.rowid);
    SELECT RAISE(ABORT, 'everyskill: skills: the slug of a deleted skill is never free again')
    WHERE EXISTS (SELECT 1 FROM tombstones WHERE slug = NEW.slug);
    SELECT RAISE(ABORT, 'everyskill: skills: a new skill has no version, no pointer and no count')
    WHERE NEW.latest_version <> 0
        OR NEW.published_version_id IS NOT NULL OR NEW.draft_version_id IS NOT NULL
        OR NEW.total_uses <> 0 OR NEW.hours_saved <> 0
        OR NEW.stars_1 + NEW.stars_2 + NEW.stars_3 + NEW.stars_4 + NEW.stars_5 <> 0;
END;

CREATE TRIGGER skills_update BEFORE UPDATE ON skills
BEGIN
    SELECT RAISE(ABORT, 'everyskill: skills: a number is allocated only behind a version that was born')
    WHERE NEW.latest_version > OLD.latest_version AND OLD.latest_version > 0
        AND NOT EXISTS (
            SELECT 1 FROM version_events
            WHERE skill_id = OLD.id AND born_version = OLD.latest_version
        );
    SELECT RAISE(ABORT, 'everyskill: skills: id, slug, author and created_at never change')
    WHERE NEW.id IS NOT OLD.id OR NEW.rowid IS NOT OLD.rowid OR NEW.slug IS NOT OLD.slug
        OR NEW.author_id IS NOT OLD.author_id OR NEW.created_at IS NOT OLD.created_at;
    SELECT RAISE(ABORT, 'everyskill: skills: latest_version moves by one, never back')
    WHERE NEW.latest_version NOT IN (OLD.latest_version, OLD.latest_version + 1);
END;

CREATE TRIGGER skills_pointers BEFORE UPDATE OF published_version_id, draft_version_id ON skills
WHEN NOT EXISTS (
    SELECT 1 FROM version_events AS e
    WHERE e.skill_id = NEW.id
        AND e.seq = (SELECT max(seq) FROM version_events WHERE skill_id = NEW.id)
        AND NEW.published_version_id IS (
            SELECT id FROM skill_versions
            WHERE skill_id = NEW.id AND version = e.published_version
        )
        AND NEW.draft_version_id IS (
            SELECT id FROM skill_versions
            WHERE skill_id = NEW.id AND version = e.draft_version
        )
)
BEGIN
    SELECT RAISE(ABORT, 'everyskill: skills: pointers are those of the newest event');
END;

CREATE TRIGGER skills_names BEFORE UPDATE OF name, description ON skills
WHEN (NEW.name IS NOT OLD.name OR NEW.description IS NOT OLD.description)
    AND NOT EXISTS (
        SELECT 1 FROM version_events AS e JOIN skill_versions AS v
            ON v.skill_id = e.skill_id
            AND v.version = coalesce(e.published_version, e.draft_version)
        WHERE e.skill_id = NEW.id
            AND e.seq = (SELECT max(seq) FROM version_events WHERE skill_id = NEW.id)
            AND v.name = NEW.name AND v.description = NEW.description
    )
BEGIN
    SELECT RAISE(ABORT, 'everyskill: skills: name and description are those of the version that is shown');
END;

CREATE TRIGGER skills_delete BEFORE DELETE ON skills
WHEN NOT EXISTS (
    SELECT 1 FROM tombstones
    WHERE skill_id = OLD.id AND slug = OLD.slug AND last_version = OLD.latest_version
        AND head_hash = (
            SELECT entry_hash FROM version_events
            WHERE skill_id = OLD.id ORDER BY seq DESC LIMIT 1
        )
)
BEGIN
    SELECT RAISE(ABORT, 'everyskill: skills: a skill is deleted only under its tombstone');
END;

CREATE TRIGGER skill_versions_insert BEFORE INSERT ON skill_versions
BEGIN
    SELECT RAISE(ABORT, 'everyskill: skill_versions: a version is never replaced')
    WHERE EXISTS (
        SELECT 1 FROM skill_versions
        WHERE id = NEW.id OR (skill_id = NEW.skill_id AND version = NEW.version)
            OR rowid = NEW.rowid
    );
    SELECT RAISE(ABORT, 'everyskill: skill_versions: the number must be the skill''s latest_version')
    WHERE NEW.version IS NOT (SELECT latest_version FROM skills WHERE id = NEW.skill_id);
    SELECT RAISE(ABORT, 'everyskill: skill_versions: the skill has a tombstone')
    WHERE EXISTS (SELECT 1 FROM tombstones WHERE skill_id = NEW.skill_id);
    SELECT RAISE(ABORT, 'everyskill: skill_versions: the object is condemned')
    WHERE EXISTS (SELECT 1 FROM condemned WHERE content_url = NEW.content_url);
    SELECT RAISE(ABORT, 'everyskill: skill_versions: the bytes were purged')
    WHERE EXISTS (
        SELECT 1 FROM skill_versions AS v JOIN version_state AS s ON s.skill_version_id = v.id
        WHERE v.content_url = NEW.content_url AND s.purged_at IS NOT NULL
    );
END;

CREATE TRIGGER skill_versions_state AFTER INSERT ON skill_versions
BEGIN
    INSERT INTO version_state (skill_version_id, skill_id) VALUES (NEW.id, NEW.skill_id);
END;

CREATE TRIGGER skill_versions_update BEFORE UPDATE ON skill_versions
BEGIN
    SELECT RAISE(ABORT, 'everyskill: skill_versions: a version never changes');
END;

CREATE TRIGGER skill_versions_delete BEFORE DELETE ON skill_versions
WHEN EXISTS (SELECT 1 FROM skills WHERE id = OLD.skill_id)
    OR NOT EXISTS (SELECT 1 FROM tombstones WHERE skill_id = OLD.skill_id)
BEGIN
    SELECT RAISE(ABORT, 'everyskill: skill_versions: a version is never deleted');
END;

CREATE TRIGGER version_events_insert BEFORE INSERT ON version_events
BEGIN
    SELECT RAISE(ABORT, 'everyskill: version_events: an event is never replaced')
    WHERE EXISTS (
        SELECT 1 FROM version_events
        WHERE id = NEW.id OR (skill_id = NEW.skill_id AND seq = NEW.seq) OR rowid = NEW.rowid
    );
    SELECT RAISE(ABORT, 'everyskill: version_events: a version is born once')
    WHERE NEW.kind IN ('publish', 'draft') AND EXISTS (
        SELECT 1 FROM version_events
        WHERE skill_id = NEW.skill_id AND born_version = NEW.version
    );
    SELECT RAISE(ABORT, 'everyskill: version_events: the skill has a tombstone')
    WHERE EXISTS (SELECT 1 FROM tombstones WHERE skill_id = NEW.skill_id);
    SELECT RAISE(ABORT, 'everyskill: version_events: a birth is by and at what its version says')
    WHERE NEW.kind IN ('publish', 'draft') AND NOT EXISTS (
        SELECT 1 FROM skill_versions
        WHERE skill_id = NEW.skill_id AND version = NEW.version
            AND created_by = NEW.actor_id AND created_at = NEW.created_at
    );
    SELECT RAISE(ABORT, 'everyskill: version_events: seq and prev_hash must follow the newest event')
    WHERE NEW.seq IS NOT 1 + coalesce(
            (SELECT max(seq) FROM version_events WHERE skill_id = NEW.skill_id), 0
        )
        OR NEW.prev_hash IS NOT coalesce(
            (
                SELECT entry_hash FROM version_events
                WHERE skill_id = NEW.skill_id ORDER BY seq DESC LIMIT 1
            ),
            '0000000000000000000000000000000000000000000000000000000000000000'
        );
    SELECT RAISE(ABORT, 'everyskill: version_events: a version is born as the latest')
    WHERE NEW.kind IN ('publish', 'draft')
        AND NEW.version IS NOT (SELECT latest_version FROM skills WHERE id = NEW.skill_id);
    SELECT RAISE(ABORT, 'everyskill: version_events: the pointers do not follow from the event')
    FROM (
        SELECT
            (SELECT published_version FROM version_events
                WHERE skill_id = NEW.skill_id ORDER BY seq DESC LIMIT 1) AS published,
            (SELECT draft_version FROM version_events
                WHERE skill_id = NEW.skill_id ORDER BY seq DESC LIMIT 1) AS draft
    ) AS before
    WHERE NOT CASE NEW.kind
        WHEN 'publish' THEN NEW.published_version IS NEW.version AND NEW.draft_version IS NULL
        WHEN 'draft' THEN NEW.published_version IS before.published
            AND NEW.draft_version IS NEW.version
        WHEN 'promote' THEN NEW.published_version IS NEW.version
            AND NEW.draft_version IS nullif(before.draft, NEW.version)
        WHEN 'rollback' THEN NEW.published_version IS NEW.version
            AND NEW.draft_version IS before.draft
        WHEN 'unyank' THEN NEW.published_version IS before.published
            AND NEW.draft_version IS before.draft
        ELSE NEW.published_version IS NOT NEW.version
            AND (NEW.published_version IS before.published OR before.published IS NEW.version)
            AND NEW.draft_version IS nullif(before.draft, NEW.version)
    END;
    SELECT RAISE(ABORT, 'everyskill: version_events: no pointer names a yanked or purged version')
    WHERE EXISTS (
        SELECT 1 FROM skill_versions AS v JOIN version_state AS s ON s.skill_version_id = v.id
        WHERE v.skill_id = NEW.skill_id
            AND v.version IN (NEW.published_version, NEW.draft_version)
            AND (s.yanked_at IS NOT NULL OR s.purged_at IS NOT NULL)
    );
END;

CREATE TRIGGER version_events_apply AFTER INSERT ON version_events
BEGIN
    UPDATE skills SET
        published_version_id = (
            SELECT id FROM skill_versions
            WHERE skill_id = NEW.skill_id AND version = NEW.published_version
        ),
        draft_version_id = (
            SELECT id FROM skill_versions
            WHERE skill_id = NEW.skill_id AND version = NEW.draft_version
        ),
        name = coalesce(
            (
                SELECT name FROM skill_versions
                WHERE skill_id = NEW.skill_id
                    AND version = coalesce(NEW.published_version, NEW.draft_version)
            ),
            name
        ),
        description = coalesce(
            (
                SELECT description FROM skill_versions
                WHERE skill_id = NEW.skill_id
                    AND version = coalesce(NEW.published_version, NEW.draft_version)
            ),
            description
        ),
        updated_at = NEW.created_at
    WHERE id = NEW.skill_id;
    UPDATE version_state SET
        yanked_at = CASE NEW.kind
            WHEN 'yank' THEN NEW.created_at WHEN 'unyank' THEN NULL ELSE yanked_at
        END,
        yank_reason = CASE NEW.kind
            WHEN 'yank' THEN NEW.reason WHEN 'unyank' THEN NULL ELSE yank_reason
        END,
        successor = CASE NEW.kind
            WHEN 'yank' THEN NEW.successor WHEN 'unyank' THEN NULL ELSE successor
        END,
        purged_at = CASE NEW.kind WHEN 'purge' THEN NEW.created_at ELSE purged_at END
    WHERE NEW.kind IN ('yank', 'unyank', 'purge')
        AND skill_version_id = (
            SELECT id FROM skill_versions
            WHERE skill_id = NEW.skill_id AND version = NEW.version
        );
END;

CREATE TRIGGER version_events_update BEFORE UPDATE ON version_events
BEGIN
    SELECT RAISE(ABORT, 'everyskill: version_events: an event never changes');
END;

CREATE TRIGGER version_events_delete BEFORE DELETE ON version_events
WHEN EXISTS (SELECT 1 FROM skills WHERE id = OLD.skill_id)
    OR NOT EXISTS (SELECT 1 FROM tombstones WHERE skill_id = OLD.skill_id)
BEGIN
    SELECT RAISE(ABORT, 'everyskill: version_events: an event is never deleted');
END;

CREATE TRIGGER version_state_insert BEFORE INSERT ON version_state
WHEN EXISTS (
    SELECT 1 FROM version_state
    WHERE skill_version_id = NEW.skill_version_id OR rowid = NEW.rowid
)
BEGIN
    SELECT RAISE(ABORT, 'everyskill: version_state: a state is never replaced');
END;

CREATE TRIGGER version_state_update BEFORE UPDATE ON version_state
WHEN NEW.skill_version_id IS NOT OLD.skill_version_id OR NEW.skill_id IS NOT OLD.skill_id
    OR NEW.rowid IS NOT OLD.rowid OR (OLD.purged_at IS NOT NULL AND NEW.purged_at IS NULL)
BEGIN
    SELECT RAISE(ABORT, 'everyskill: version_state: its version never changes, nor is it unpurged');
END;

CREATE TRIGGER version_state_delete BEFORE DELETE ON version_state
WHEN EXISTS (SELECT 1 FROM skills WHERE id = OLD.skill_id)
    OR NOT EXISTS (SELECT 1 FROM tombstones WHERE skill_id = OLD.skill_id)
BEGIN
    SELECT RAISE(ABORT, 'everyskill: version_state: a state is never deleted');
END;

CREATE TRIGGER ratings_insert BEFORE INSERT ON ratings
BEGIN
    SELECT RAISE(ABORT, 'everyskill: ratings: a rating is never replaced')
    WHERE EXISTS (
        SELECT 1 FROM ratings
        WHERE id = NEW.id
            OR (user_id = NEW.user_id AND skill_version_id = NEW.skill_version_id)
            OR rowid = NEW.rowid
    );
    SELECT RAISE(ABORT, 'everyskill: ratings: a purged version is not rated')
    WHERE EXISTS (
        SELECT 1 FROM version_state
        WHERE skill_version_id = NEW.skill_version_id AND purged_at IS NOT NULL
    );
END;

CREATE TRIGGER ratings_update BEFORE UPDATE ON ratings
WHEN NEW.id IS NOT OLD.id OR NEW.rowid IS NOT OLD.rowid OR NEW.skill_id IS NOT OLD.skill_id
    OR NEW.skill_version_id IS NOT OLD.skill_version_id OR NEW.user_id IS NOT OLD.user_id
    OR NEW.created_at IS NOT OLD.created_at
BEGIN
    SELECT RAISE(ABORT, 'everyskill: ratings: whose rating of what it is never changes');
END;

CREATE TRIGGER ratings_count_insert AFTER INSERT ON ratings
BEGIN
    UPDATE skills SET
        stars_1 = stars_1 + (NEW.rating = 1), stars_2 = stars_2 + (NEW.rating = 2),
        stars_3 = stars_3 + (NEW.rating = 3), stars_4 = stars_4 + (NEW.rating = 4),
        stars_5 = stars_5 + (NEW.rating = 5),
        hours_saved = hours_saved + coalesce(NEW.hours_saved_estimate, 0)
    WHERE id = NEW.skill_id;
    UPDATE version_state SET
        stars_1 = stars_1 + (NEW.rating = 1), stars_2 = stars_2 + (NEW.rating = 2),
        stars_3 = stars_3 + (NEW.rating = 3), stars_4 = stars_4 + (NEW.rating = 4),
        stars_5 = stars_5 + (NEW.rating = 5),
        hours_saved = hours_saved + coalesce(NEW.hours_saved_estimate, 0)
    WHERE skill_version_id = NEW.skill_version_id;
END;

CREATE TRIGGER ratings_count_update AFTER UPDATE OF rating, hours_saved_estimate ON ratings
BEGIN
    UPDATE skills SET
        stars_1 = stars_1 + (NEW.rating = 1) - (OLD.rating = 1),
        stars_2 = stars_2 + (NEW.rating = 2) - (OLD.rating = 2),
        stars_3 = stars_3 + (NEW.rating = 3) - (OLD.rating = 3),
        stars_4 = stars_4 + (NEW.rating = 4) - (OLD.rating = 4),
        stars_5 = stars_5 + (NEW.rating = 5) - (OLD.rating = 5),
        hours_saved = hours_saved + coalesce(NEW.hours_saved_estimate, 0)
            - coalesce(OLD.hours_saved_estimate, 0)
    WHERE id = NEW.skill_id;
    UPDATE version_state SET
        stars_1 = stars_1 + (NEW.rating = 1) - (OLD.rating = 1),
        stars_2 = stars_2 + (NEW.rating = 2) - (OLD.rating = 2),
        stars_3 = stars_3 + (NEW.rating = 3) - (OLD.rating = 3),
        stars_4 = stars_4 + (NEW.rating = 4) - (OLD.rating = 4),
        stars_5 = stars_5 + (NEW.rating = 5) - (OLD.rating = 5),
        hours_saved = hours_saved + coalesce(NEW.hours_saved_estimate, 0)
            - coalesce(OLD.hours_saved_estimate, 0)
    WHERE skill_version_id = NEW.skill_version_id;
END;

CREATE TRIGGER ratings_count_delete AFTER DELETE ON ratings
WHEN EXISTS (SELECT 1 FROM skills WHERE id = OLD.skill_id)
BEGIN
    UPDATE skills SET
        stars_1 = stars_1 - (OLD.rating = 1), stars_2 = stars_2 - (OLD.rating = 2),
        stars_3 = stars_3 - (OLD.rating = 3), stars_4 = stars_4 - (OLD.rating = 4),
        stars_5 = stars_5 - (OLD.rating = 5),
        hours_saved = hours_saved - coalesce(OLD.hours_saved_estimate, 0)
    WHERE id = OLD.skill_id;
    UPDATE version_state SET
        stars_1 = stars_1 - (OLD.rating = 1), stars_2 = stars_2 - (OLD.rating = 2),
        stars_3 = stars_3 - (OLD.rating = 3), stars_4 = stars_4 - (OLD.rating = 4),
        stars_5 = stars_5 - (OLD.rating = 5),
        hours_saved = hours_saved - coalesce(OLD.hours_saved_estimate, 0)
    WHERE skill_version_id = OLD.skill_version_id;
END;

CREATE TRIGGER usage_events_insert BEFORE INSERT ON usage_events
WHEN EXISTS (
    SELECT 1 FROM usage_events
    WHERE id = NEW.id OR external_id = NEW.external_id OR rowid = NEW.rowid
)
BEGIN
    SELECT RAISE(ABORT, 'everyskill: usage_events: a use is never replaced');
END;

CREATE TRIGGER usage_events_count AFTER INSERT ON usage_events
BEGIN
    UPDATE skills SET total_uses = total_uses + 1 WHERE id = NEW.skill_id;
    UPDATE version_state SET uses = uses + 1 WHERE skill_version_id = NEW.skill_version_id;
END;

CREATE TRIGGER usage_events_update BEFORE UPDATE ON usage_events
WHEN NEW.user_id IS NOT NULL OR NEW.id IS NOT OLD.id OR NEW.rowid IS NOT OLD.rowid
    OR NEW.skill_id IS NOT OLD.skill_id OR NEW.skill_version_id IS NOT OLD.skill_version_id
    OR NEW.tool_name IS NOT OLD.tool_name OR NEW.external_id IS NOT OLD.external_id
    OR NEW.metadata IS NOT OLD.metadata OR NEW.created_at IS NOT OLD.created_at
BEGIN
    SELECT RAISE(ABORT, 'everyskill: usage_events: a use never changes, it only forgets its user');
END;

CREATE TRIGGER usage_events_delete BEFORE DELETE ON usage_events
WHEN EXISTS (SELECT 1 FROM skills WHERE id = OLD.skill_id)
    OR NOT EXISTS (SELECT 1 FROM tombstones WHERE skill_id = OLD.skill_id)
BEGIN
    SELECT RAISE(ABORT, 'everyskill: usage_events: a use is never deleted');
END;

CREATE TRIGGER condemned_insert BEFORE INSERT ON condemned
BEGIN
    SELECT RAISE(ABORT, 'everyskill: condemned: a mark is never replaced')
    WHERE EXISTS (
        SELECT 1 FROM condemned WHERE content_url = NEW.content_url OR rowid = NEW.rowid
    );
    SELECT RAISE(ABORT, 'everyskill: condemned: a version refers to the object')
    WHERE EXISTS (
        SELECT 1 FROM skill_versions AS v JOIN version_state AS s ON s.skill_version_id = v.id
        WHERE v.content_url = NEW.content_url AND s.purged_at IS NULL
    );
END;

CREATE TRIGGER condemned_update BEFORE UPDATE ON condemned
BEGIN
    SELECT RAISE(ABORT, 'everyskill: condemned: a mark keeps its object')
    WHERE NEW.content_url IS NOT OLD.content_url OR NEW.rowid IS NOT OLD.rowid;
    SELECT RAISE(ABORT, 'everyskill: condemned: a version refers to the object')
    WHERE EXISTS (
        SELECT 1 FROM skill_versions AS v JOIN version_state AS s ON s.skill_version_id = v.id
        WHERE v.content_url = NEW.content_url AND s.purged_at IS NULL
    );
END;

CREATE TRIGGER condemned_delete BEFORE DELETE ON condemned
WHEN OLD.deleted_at IS NULL
BEGIN
    SELECT RAISE(ABORT, 'everyskill: condemned: a mark stays until its object is deleted');
END;

CREATE TRIGGER tombstones_insert BEFORE INSERT ON tombstones
BEGIN
    SELECT RAISE(ABORT, 'everyskill: tombstones: a tombstone is never replaced')
    WHERE EXISTS (
        SELECT 1 FROM tombstones
        WHERE slug = NEW.slug OR skill_id = NEW.skill_id OR rowid = NEW.rowid
    );
    SELECT RAISE(ABORT, 'everyskill: tombstones: a tombstone names the skill as it stands')
    WHERE NOT EXISTS (
        SELECT 1 FROM skills AS k
        WHERE k.id = NEW.skill_id AND k.slug = NEW.slug AND k.latest_version = NEW.last_version
            AND NEW.head_hash = (
                SELECT entry_hash FROM version_events
                WHERE skill_id = k.id ORDER BY seq DESC LIMIT 1
            )
    );
END;

CREATE TRIGGER tombstones_update BEFORE UPDATE ON tombstones
BEGIN
    SELECT RAISE(ABORT, 'everyskill: tombstones: a tombstone never changes');
END;

CREATE TRIGGER tombstones_delete BEFORE DELETE ON tombstones
BEGIN
    SELECT RAISE(ABORT, 'everyskill: tombstones: a tombstone is never deleted');
END;
