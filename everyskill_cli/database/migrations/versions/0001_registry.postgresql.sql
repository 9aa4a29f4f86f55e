-- Format 1, PostgreSQL: tables, then triggers. Never edited after its release.

CREATE TABLE registry (
    id TEXT NOT NULL,
    format_version INTEGER NOT NULL,
    created_at TIMESTAMP(3) WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_registry PRIMARY KEY (id),
    CONSTRAINT ck_registry_id CHECK (id ~ '^[0-9a-f-]{36}$')
);

CREATE UNIQUE INDEX ix_registry_one_row ON registry ((id IS NOT NULL));

CREATE TABLE users (
    id TEXT NOT NULL,
    email TEXT NOT NULL,
    name TEXT,
    db_login TEXT,
    created_at TIMESTAMP(3) WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP(3) WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_users PRIMARY KEY (id),
    CONSTRAINT ck_users_email CHECK (email = lower(email)),
    CONSTRAINT ck_users_id CHECK (id ~ '^[0-9a-f-]{36}$'),
    CONSTRAINT uq_users_email UNIQUE (email),
    CONSTRAINT uq_users_db_login UNIQUE (db_login)
);

CREATE TABLE condemned (
    content_url TEXT NOT NULL,
    since TIMESTAMP(3) WITH TIME ZONE NOT NULL,
    deleted_at TIMESTAMP(3) WITH TIME ZONE,
    CONSTRAINT pk_condemned PRIMARY KEY (content_url)
);

CREATE TABLE skills (
    id TEXT NOT NULL,
    slug TEXT COLLATE "C" NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    category TEXT,
    tags JSONB NOT NULL,
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
    created_at TIMESTAMP(3) WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP(3) WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_skills PRIMARY KEY (id),
    CONSTRAINT ck_skills_id CHECK (id ~ '^[0-9a-f-]{36}$'),
    CONSTRAINT ck_skills_slug CHECK (slug ~ '^[a-z0-9]+(-[a-z0-9]+)*$' AND length(slug) <= 64),
    CONSTRAINT ck_skills_tags CHECK (jsonb_typeof(tags) = 'array'),
    CONSTRAINT ck_skills_latest_version CHECK (latest_version >= 0),
    CONSTRAINT uq_skills_slug UNIQUE (slug),
    CONSTRAINT fk_skills_author_id FOREIGN KEY(author_id) REFERENCES users (id)
);

CREATE INDEX ix_skills_rating ON skills (coalesce(average_rating, 0), slug);

CREATE INDEX ix_skills_updated ON skills (updated_at, slug);

CREATE INDEX ix_skills_uses ON skills (total_uses, slug);

CREATE INDEX ix_skills_created ON skills (created_at, slug);

CREATE TABLE tombstones (
    slug TEXT COLLATE "C" NOT NULL,
    skill_id TEXT NOT NULL,
    last_version INTEGER NOT NULL,
    head_hash TEXT NOT NULL,
    reason TEXT NOT NULL,
    actor_id TEXT NOT NULL,
    created_at TIMESTAMP(3) WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_tombstones PRIMARY KEY (slug),
    CONSTRAINT uq_tombstones_skill_id UNIQUE (skill_id),
    CONSTRAINT fk_tombstones_actor_id FOREIGN KEY(actor_id) REFERENCES users (id)
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
    files JSONB NOT NULL,
    metadata JSONB NOT NULL,
    message TEXT,
    details_hash TEXT NOT NULL,
    created_by TEXT NOT NULL,
    created_at TIMESTAMP(3) WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_skill_versions PRIMARY KEY (id),
    CONSTRAINT uq_skill_versions_skill_id_version UNIQUE (skill_id, version),
    CONSTRAINT uq_skill_versions_skill_id_id UNIQUE (skill_id, id),
    CONSTRAINT ck_skill_versions_id CHECK (id ~ '^[0-9a-f-]{36}$'),
    CONSTRAINT ck_skill_versions_version CHECK (version >= 1),
    CONSTRAINT ck_skill_versions_content_url CHECK (content_url = 'sha256/' || substr(content_hash, 1, 2) || '/' || content_hash),
    CONSTRAINT ck_skill_versions_size_bytes CHECK (size_bytes BETWEEN 0 AND 52428800),
    CONSTRAINT ck_skill_versions_message CHECK (length(message) <= 2000),
    CONSTRAINT ck_skill_versions_content_hash CHECK (content_hash ~ '^[0-9a-f]{64}$'),
    CONSTRAINT ck_skill_versions_details_hash CHECK (details_hash ~ '^[0-9a-f]{64}$'),
    CONSTRAINT ck_skill_versions_files CHECK (jsonb_typeof(files) = 'array'),
    CONSTRAINT ck_skill_versions_metadata CHECK (jsonb_typeof(metadata) = 'object'),
    CONSTRAINT fk_skill_versions_skill_id FOREIGN KEY(skill_id) REFERENCES skills (id) ON DELETE CASCADE,
    CONSTRAINT fk_skill_versions_created_by FOREIGN KEY(created_by) REFERENCES users (id)
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
    created_at TIMESTAMP(3) WITH TIME ZONE NOT NULL,
    prev_hash TEXT NOT NULL,
    entry_hash TEXT NOT NULL,
    born_version INTEGER GENERATED ALWAYS AS (CASE WHEN kind IN ('publish', 'draft') THEN version END) STORED,
    CONSTRAINT pk_version_events PRIMARY KEY (id),
    CONSTRAINT uq_version_events_skill_id_seq UNIQUE (skill_id, seq),
    CONSTRAINT uq_version_events_skill_id_born_version UNIQUE (skill_id, born_version),
    CONSTRAINT ck_version_events_id CHECK (id ~ '^[0-9a-f-]{36}$'),
    CONSTRAINT fk_version_events_skill_id_version FOREIGN KEY(skill_id, version) REFERENCES skill_versions (skill_id, version) ON DELETE CASCADE,
    CONSTRAINT fk_version_events_skill_id_published_version FOREIGN KEY(skill_id, published_version) REFERENCES skill_versions (skill_id, version) ON DELETE CASCADE,
    CONSTRAINT fk_version_events_skill_id_draft_version FOREIGN KEY(skill_id, draft_version) REFERENCES skill_versions (skill_id, version) ON DELETE CASCADE,
    CONSTRAINT fk_version_events_skill_id_successor FOREIGN KEY(skill_id, successor) REFERENCES skill_versions (skill_id, version) ON DELETE CASCADE,
    CONSTRAINT ck_version_events_kind CHECK (kind IN ('publish', 'draft', 'promote', 'rollback', 'yank', 'unyank', 'purge')),
    CONSTRAINT ck_version_events_seq CHECK (seq >= 1),
    CONSTRAINT ck_version_events_reason CHECK (length(reason) <= 2000),
    CONSTRAINT ck_version_events_prev_hash CHECK (prev_hash ~ '^[0-9a-f]{64}$'),
    CONSTRAINT ck_version_events_entry_hash CHECK (entry_hash ~ '^[0-9a-f]{64}$'),
    CONSTRAINT fk_version_events_skill_id FOREIGN KEY(skill_id) REFERENCES skills (id) ON DELETE CASCADE,
    CONSTRAINT fk_version_events_actor_id FOREIGN KEY(actor_id) REFERENCES users (id)
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
    yanked_at TIMESTAMP(3) WITH TIME ZONE,
    yank_reason TEXT,
    successor INTEGER,
    purged_at TIMESTAMP(3) WITH TIME ZONE,
    CONSTRAINT pk_version_state PRIMARY KEY (skill_version_id),
    CONSTRAINT fk_version_state_skill_id_skill_version_id FOREIGN KEY(skill_id, skill_version_id) REFERENCES skill_versions (skill_id, id) ON DELETE CASCADE,
    CONSTRAINT fk_version_state_skill_id FOREIGN KEY(skill_id) REFERENCES skills (id) ON DELETE CASCADE
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
    created_at TIMESTAMP(3) WITH TIME ZONE NOT NULL,
    updated_at TIMESTAMP(3) WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_ratings PRIMARY KEY (id),
    CONSTRAINT fk_ratings_skill_id_skill_version_id FOREIGN KEY(skill_id, skill_version_id) REFERENCES skill_versions (skill_id, id) ON DELETE CASCADE,
    CONSTRAINT uq_ratings_user_id_skill_version_id UNIQUE (user_id, skill_version_id),
    CONSTRAINT ck_ratings_id CHECK (id ~ '^[0-9a-f-]{36}$'),
    CONSTRAINT ck_ratings_rating CHECK (rating BETWEEN 1 AND 5),
    CONSTRAINT ck_ratings_comment CHECK (length(comment) <= 2000),
    CONSTRAINT ck_ratings_hours_saved_estimate CHECK (hours_saved_estimate BETWEEN 0 AND 1000),
    CONSTRAINT fk_ratings_skill_id FOREIGN KEY(skill_id) REFERENCES skills (id) ON DELETE CASCADE,
    CONSTRAINT fk_ratings_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE CASCADE
);

CREATE INDEX ix_ratings_of_version ON ratings (skill_version_id, updated_at, id);

CREATE INDEX ix_ratings_newest ON ratings (skill_id, updated_at, id);

CREATE INDEX ix_ratings_comments ON ratings (skill_id, updated_at, id) WHERE comment IS NOT NULL;

CREATE TABLE usage_events (
    id TEXT NOT NULL,
    skill_id TEXT NOT NULL,
    skill_version_id TEXT,
    user_id TEXT,
    tool_name TEXT NOT NULL,
    external_id TEXT,
    metadata JSONB NOT NULL,
    created_at TIMESTAMP(3) WITH TIME ZONE NOT NULL,
    CONSTRAINT pk_usage_events PRIMARY KEY (id),
    CONSTRAINT fk_usage_events_skill_id_skill_version_id FOREIGN KEY(skill_id, skill_version_id) REFERENCES skill_versions (skill_id, id) ON DELETE CASCADE,
    CONSTRAINT ck_usage_events_id CHECK (id ~ '^[0-9a-f-]{36}$'),
    CONSTRAINT ck_usage_events_metadata CHECK (jsonb_typeof(metadata) = 'object'),
    CONSTRAINT fk_usage_events_skill_id FOREIGN KEY(skill_id) REFERENCES skills (id) ON DELETE CASCADE,
    CONSTRAINT fk_usage_events_user_id FOREIGN KEY(user_id) REFERENCES users (id) ON DELETE SET NULL,
    CONSTRAINT uq_usage_events_external_id UNIQUE (external_id)
);

CREATE INDEX ix_usage_events_skill ON usage_events (skill_id, created_at);

CREATE INDEX ix_usage_events_user ON usage_events (user_id);

CREATE INDEX ix_usage_events_version ON usage_events (skill_version_id);

ALTER TABLE skills ADD CONSTRAINT fk_skills_id_published_version_id FOREIGN KEY(id, published_version_id) REFERENCES skill_versions (skill_id, id);

ALTER TABLE skill_versions ADD CONSTRAINT fk_skill_versions_skill_id_version FOREIGN KEY(skill_id, version) REFERENCES version_events (skill_id, born_version) DEFERRABLE INITIALLY DEFERRED;

ALTER TABLE skills ADD CONSTRAINT fk_skills_id_draft_version_id FOREIGN KEY(id, draft_version_id) REFERENCES skill_versions (skill_id, id);

ALTER TABLE skills ADD CONSTRAINT fk_skills_id_head_version FOREIGN KEY(id, head_version) REFERENCES skill_versions (skill_id, version) DEFERRABLE INITIALLY DEFERRED;

-- Triggers. A message is 'everyskill: <table>: <rule>', its code restrict_violation, so that both
-- databases give their driver's IntegrityError. Every function runs with the search path that stands
-- while this runs, so nobody can slip in a table or function of the same name. Those that read or write
-- other tables run with their owner's rights, so a rater needs no right on the counters; nobody else
-- may attach them to a table of his own (the REVOKE at the end).

DO $$ BEGIN
    PERFORM set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);
END $$;

CREATE FUNCTION everyskill_refuse() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'restrict_violation',
        MESSAGE = format('everyskill: %s: %s', TG_TABLE_NAME, TG_ARGV[0]);
END $$;

CREATE FUNCTION everyskill_raise(rule text) RETURNS void LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'restrict_violation', MESSAGE = 'everyskill: ' || rule;
END $$;

-- Whether a statement is a client's own: neither nested in a trigger, nor with the owner's rights.
CREATE FUNCTION everyskill_by_client(relation oid) RETURNS boolean LANGUAGE sql STABLE
SET search_path FROM CURRENT AS $$
    SELECT pg_trigger_depth() <= 1 OR current_user <> pg_get_userbyid(relowner)
    FROM pg_class WHERE oid = relation
$$;

CREATE FUNCTION everyskill_head_hash(skill text) RETURNS text LANGUAGE sql STABLE
SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT entry_hash FROM version_events WHERE skill_id = skill ORDER BY seq DESC LIMIT 1
$$;

CREATE FUNCTION everyskill_version_id(skill text, number integer) RETURNS text LANGUAGE sql STABLE
SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT id FROM skill_versions WHERE skill_id = skill AND version = number
$$;

-- A row of a skill goes only with its skill, and the skill only under its tombstone.
CREATE FUNCTION everyskill_delete() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT FROM skills WHERE id = OLD.skill_id)
        OR NOT EXISTS (SELECT FROM tombstones WHERE skill_id = OLD.skill_id)
    THEN
        PERFORM everyskill_raise(format('%s: a row is never deleted', TG_TABLE_NAME));
    END IF;
    RETURN OLD;
END $$;

CREATE FUNCTION everyskill_users_update() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.id IS DISTINCT FROM OLD.id OR NEW.created_at IS DISTINCT FROM OLD.created_at THEN
        PERFORM everyskill_raise('users: id and created_at never change');
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION everyskill_skills_insert() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (SELECT FROM tombstones WHERE slug = NEW.slug) THEN
        PERFORM everyskill_raise('skills: the slug of a deleted skill is never free again');
    END IF;
    IF NEW.latest_version <> 0
        OR NEW.published_version_id IS NOT NULL OR NEW.draft_version_id IS NOT NULL
        OR NEW.total_uses <> 0 OR NEW.hours_saved <> 0
        OR NEW.stars_1 <> 0 OR NEW.stars_2 <> 0 OR NEW.stars_3 <> 0 OR NEW.stars_4 <> 0
        OR NEW.stars_5 <> 0
    THEN
        PERFORM everyskill_raise('skills: a new skill has no version, no pointer and no count');
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION everyskill_skills_update() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF (NEW.id, NEW.slug, NEW.author_id, NEW.created_at)
        IS DISTINCT FROM (OLD.id, OLD.slug, OLD.author_id, OLD.created_at)
    THEN
        PERFORM everyskill_raise('skills: id, slug, author and created_at never change');
    END IF;
    IF NEW.latest_version NOT IN (OLD.latest_version, OLD.latest_version + 1) THEN
        PERFORM everyskill_raise('skills: latest_version moves by one, never back');
    END IF;
    IF everyskill_by_client(TG_RELID) AND (
        NEW.name, NEW.description, NEW.published_version_id, NEW.draft_version_id, NEW.total_uses,
        NEW.hours_saved, NEW.stars_1, NEW.stars_2, NEW.stars_3, NEW.stars_4, NEW.stars_5
    ) IS DISTINCT FROM (
        OLD.name, OLD.description, OLD.published_version_id, OLD.draft_version_id, OLD.total_uses,
        OLD.hours_saved, OLD.stars_1, OLD.stars_2, OLD.stars_3, OLD.stars_4, OLD.stars_5
    ) THEN
        PERFORM everyskill_raise('skills: pointers, counters and names are written by triggers only');
    END IF;
    IF NEW.latest_version > OLD.latest_version AND OLD.latest_version > 0 AND NOT EXISTS (
        SELECT FROM version_events WHERE skill_id = OLD.id AND born_version = OLD.latest_version
    ) THEN
        PERFORM everyskill_raise('skills: a number is allocated only behind a version that was born');
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION everyskill_skills_delete() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM tombstones
        WHERE skill_id = OLD.id AND slug = OLD.slug AND last_version = OLD.latest_version
            AND head_hash = everyskill_head_hash(OLD.id)
    ) THEN
        PERFORM everyskill_raise('skills: a skill is deleted only under its tombstone');
    END IF;
    RETURN OLD;
END $$;

-- The shared advisory lock on the key makes this and the mark of garbage collection wait for each
-- other: without it, a version and the mark of its object could be committed side by side.
CREATE FUNCTION everyskill_versions_insert() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF NEW.version IS DISTINCT FROM (SELECT latest_version FROM skills WHERE id = NEW.skill_id) THEN
        PERFORM everyskill_raise('skill_versions: the number must be the skill''s latest_version');
    END IF;
    IF EXISTS (SELECT FROM tombstones WHERE skill_id = NEW.skill_id) THEN
        PERFORM everyskill_raise('skill_versions: the skill has a tombstone');
    END IF;
    PERFORM pg_advisory_xact_lock_shared(hashtextextended(NEW.content_url, 0));
    IF EXISTS (SELECT FROM condemned WHERE content_url = NEW.content_url) THEN
        PERFORM everyskill_raise('skill_versions: the object is condemned');
    END IF;
    IF EXISTS (
        SELECT FROM skill_versions AS v JOIN version_state AS s ON s.skill_version_id = v.id
        WHERE v.content_url = NEW.content_url AND s.purged_at IS NOT NULL
    ) THEN
        PERFORM everyskill_raise('skill_versions: the bytes were purged');
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION everyskill_versions_state() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO version_state (skill_version_id, skill_id) VALUES (NEW.id, NEW.skill_id);
    RETURN NULL;
END $$;

CREATE FUNCTION everyskill_condemned_write() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.content_url IS DISTINCT FROM OLD.content_url THEN
        PERFORM everyskill_raise('condemned: a mark keeps its object');
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended(NEW.content_url, 0));
    IF EXISTS (
        SELECT FROM skill_versions AS v JOIN version_state AS s ON s.skill_version_id = v.id
        WHERE v.content_url = NEW.content_url AND s.purged_at IS NULL
    ) THEN
        PERFORM everyskill_raise('condemned: a version refers to the object');
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION everyskill_condemned_delete() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF OLD.deleted_at IS NULL THEN
        PERFORM everyskill_raise('condemned: a mark stays until its object is deleted');
    END IF;
    RETURN OLD;
END $$;

-- The statement that docs/format.md defines, hashed.
CREATE FUNCTION everyskill_entry_hash(e version_events) RETURNS text LANGUAGE sql STABLE
SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT encode(sha256(convert_to(concat(
        'everyskill-event:1', E'\n',
        'registry:', (SELECT id FROM registry), E'\n',
        'skill:', (SELECT slug FROM skills WHERE id = e.skill_id), E'\n',
        'event:', e.id, E'\n',
        'seq:', e.seq, E'\n',
        'kind:', e.kind, E'\n',
        'version:', e.version, E'\n',
        'content:', v.content_hash, E'\n',
        'size:', v.size_bytes, E'\n',
        'details:', v.details_hash, E'\n',
        'published:', coalesce(e.published_version::text, '-'), E'\n',
        'draft:', coalesce(e.draft_version::text, '-'), E'\n',
        'reason:', coalesce(encode(sha256(convert_to(e.reason, 'UTF8')), 'hex'), '-'), E'\n',
        'successor:', coalesce(e.successor::text, '-'), E'\n',
        'actor:', e.actor_id, E'\n',
        'created_at:', to_char(e.created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), E'\n',
        'prev:', e.prev_hash, E'\n'
    ), 'UTF8')), 'hex')
    FROM skill_versions AS v
    WHERE v.skill_id = e.skill_id AND v.version = e.version
$$;

CREATE FUNCTION everyskill_events_insert() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    before version_events;
BEGIN
    SELECT * INTO before FROM version_events
    WHERE skill_id = NEW.skill_id ORDER BY seq DESC LIMIT 1;
    IF NEW.seq IS DISTINCT FROM coalesce(before.seq, 0) + 1
        OR NEW.prev_hash IS DISTINCT FROM coalesce(before.entry_hash, repeat('0', 64))
    THEN
        PERFORM everyskill_raise('version_events: seq and prev_hash must follow the newest event');
    END IF;
    IF NEW.kind IN ('publish', 'draft')
        AND NEW.version IS DISTINCT FROM (SELECT latest_version FROM skills WHERE id = NEW.skill_id)
    THEN
        PERFORM everyskill_raise('version_events: a version is born as the latest');
    END IF;
    IF NEW.kind IN ('publish', 'draft') AND NOT EXISTS (
        SELECT FROM skill_versions
        WHERE skill_id = NEW.skill_id AND version = NEW.version
            AND created_by = NEW.actor_id AND created_at = NEW.created_at
    ) THEN
        PERFORM everyskill_raise('version_events: a birth is by and at what its version says');
    END IF;
    IF EXISTS (SELECT FROM tombstones WHERE skill_id = NEW.skill_id) THEN
        PERFORM everyskill_raise('version_events: the skill has a tombstone');
    END IF;
    IF NEW.kind = 'purge' THEN  -- a publish of the same bytes waits for this, or this for it
        PERFORM pg_advisory_xact_lock(hashtextextended(content_url, 0)) FROM skill_versions
        WHERE skill_id = NEW.skill_id AND version = NEW.version;
    END IF;
    IF NOT (CASE NEW.kind
        WHEN 'publish' THEN NEW.published_version IS NOT DISTINCT FROM NEW.version
            AND NEW.draft_version IS NULL
        WHEN 'draft' THEN NEW.published_version IS NOT DISTINCT FROM before.published_version
            AND NEW.draft_version IS NOT DISTINCT FROM NEW.version
        WHEN 'promote' THEN NEW.published_version IS NOT DISTINCT FROM NEW.version
            AND NEW.draft_version IS NOT DISTINCT FROM nullif(before.draft_version, NEW.version)
        WHEN 'rollback' THEN NEW.published_version IS NOT DISTINCT FROM NEW.version
            AND NEW.draft_version IS NOT DISTINCT FROM before.draft_version
        WHEN 'unyank' THEN NEW.published_version IS NOT DISTINCT FROM before.published_version
            AND NEW.draft_version IS NOT DISTINCT FROM before.draft_version
        ELSE NEW.published_version IS DISTINCT FROM NEW.version
            AND (
                NEW.published_version IS NOT DISTINCT FROM before.published_version
                OR before.published_version IS NOT DISTINCT FROM NEW.version
            )
            AND NEW.draft_version IS NOT DISTINCT FROM nullif(before.draft_version, NEW.version)
    END) THEN
        PERFORM everyskill_raise('version_events: the pointers do not follow from the event');
    END IF;
    IF EXISTS (
        SELECT FROM skill_versions AS v JOIN version_state AS s ON s.skill_version_id = v.id
        WHERE v.skill_id = NEW.skill_id
            AND v.version IN (NEW.published_version, NEW.draft_version)
            AND (s.yanked_at IS NOT NULL OR s.purged_at IS NOT NULL)
    ) THEN
        PERFORM everyskill_raise('version_events: no pointer names a yanked or purged version');
    END IF;
    IF NEW.entry_hash IS DISTINCT FROM everyskill_entry_hash(NEW) THEN
        PERFORM everyskill_raise('version_events: entry_hash is not the hash of the event');
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION everyskill_events_apply() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    shown skill_versions;
BEGIN
    SELECT * INTO shown FROM skill_versions
    WHERE skill_id = NEW.skill_id AND version = coalesce(NEW.published_version, NEW.draft_version);
    UPDATE skills SET
        published_version_id = everyskill_version_id(NEW.skill_id, NEW.published_version),
        draft_version_id = everyskill_version_id(NEW.skill_id, NEW.draft_version),
        name = coalesce(shown.name, name),
        description = coalesce(shown.description, description),
        updated_at = NEW.created_at
    WHERE id = NEW.skill_id;
    IF NEW.kind IN ('yank', 'unyank') THEN
        UPDATE version_state SET
            yanked_at = CASE NEW.kind WHEN 'yank' THEN NEW.created_at END,
            yank_reason = CASE NEW.kind WHEN 'yank' THEN NEW.reason END,
            successor = CASE NEW.kind WHEN 'yank' THEN NEW.successor END
        WHERE skill_version_id = everyskill_version_id(NEW.skill_id, NEW.version);
    ELSIF NEW.kind = 'purge' THEN
        UPDATE version_state SET purged_at = NEW.created_at
        WHERE skill_version_id = everyskill_version_id(NEW.skill_id, NEW.version);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION everyskill_state_write() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF everyskill_by_client(TG_RELID) THEN
        PERFORM everyskill_raise('version_state: it is written by triggers only');
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;

CREATE FUNCTION everyskill_ratings_insert() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF EXISTS (
        SELECT FROM version_state
        WHERE skill_version_id = NEW.skill_version_id AND purged_at IS NOT NULL
    ) THEN
        PERFORM everyskill_raise('ratings: a purged version is not rated');
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION everyskill_ratings_update() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF (NEW.id, NEW.skill_id, NEW.skill_version_id, NEW.user_id, NEW.created_at)
        IS DISTINCT FROM (OLD.id, OLD.skill_id, OLD.skill_version_id, OLD.user_id, OLD.created_at)
    THEN
        PERFORM everyskill_raise('ratings: whose rating of what it is never changes');
    END IF;
    RETURN NEW;
END $$;

-- Adds the difference that one row makes: "write, then recompute" loses ratings under load.
CREATE FUNCTION everyskill_ratings_count() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    plus integer := CASE WHEN TG_OP = 'DELETE' THEN 0 ELSE NEW.rating END;
    minus integer := CASE WHEN TG_OP = 'INSERT' THEN 0 ELSE OLD.rating END;
    hours integer := CASE WHEN TG_OP = 'DELETE' THEN 0 ELSE coalesce(NEW.hours_saved_estimate, 0) END
        - CASE WHEN TG_OP = 'INSERT' THEN 0 ELSE coalesce(OLD.hours_saved_estimate, 0) END;
    skill text := CASE WHEN TG_OP = 'DELETE' THEN OLD.skill_id ELSE NEW.skill_id END;
    rated text := CASE WHEN TG_OP = 'DELETE' THEN OLD.skill_version_id ELSE NEW.skill_version_id END;
BEGIN
    UPDATE skills SET
        stars_1 = stars_1 + (plus = 1)::integer - (minus = 1)::integer,
        stars_2 = stars_2 + (plus = 2)::integer - (minus = 2)::integer,
        stars_3 = stars_3 + (plus = 3)::integer - (minus = 3)::integer,
        stars_4 = stars_4 + (plus = 4)::integer - (minus = 4)::integer,
        stars_5 = stars_5 + (plus = 5)::integer - (minus = 5)::integer,
        hours_saved = hours_saved + hours
    WHERE id = skill;
    IF NOT FOUND THEN  -- the whole skill is being deleted
        RETURN NULL;
    END IF;
    UPDATE version_state SET
        stars_1 = stars_1 + (plus = 1)::integer - (minus = 1)::integer,
        stars_2 = stars_2 + (plus = 2)::integer - (minus = 2)::integer,
        stars_3 = stars_3 + (plus = 3)::integer - (minus = 3)::integer,
        stars_4 = stars_4 + (plus = 4)::integer - (minus = 4)::integer,
        stars_5 = stars_5 + (plus = 5)::integer - (minus = 5)::integer,
        hours_saved = hours_saved + hours
    WHERE skill_version_id = rated;
    RETURN NULL;
END $$;

CREATE FUNCTION everyskill_usage_count() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    UPDATE skills SET total_uses = total_uses + 1 WHERE id = NEW.skill_id;
    UPDATE version_state SET uses = uses + 1 WHERE skill_version_id = NEW.skill_version_id;
    RETURN NULL;
END $$;

CREATE FUNCTION everyskill_usage_update() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    OLD.user_id := NULL;
    IF NEW IS DISTINCT FROM OLD THEN
        PERFORM everyskill_raise('usage_events: a use never changes, it only forgets its user');
    END IF;
    RETURN NEW;
END $$;

CREATE FUNCTION everyskill_tombstones_insert() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (
        SELECT FROM skills
        WHERE id = NEW.skill_id AND slug = NEW.slug AND latest_version = NEW.last_version
            AND NEW.head_hash = everyskill_head_hash(NEW.skill_id)
    ) THEN
        PERFORM everyskill_raise('tombstones: a tombstone names the skill as it stands');
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER registry_change BEFORE UPDATE OR DELETE ON registry
FOR EACH ROW EXECUTE FUNCTION everyskill_refuse('the row never changes');
CREATE TRIGGER users_update BEFORE UPDATE ON users
FOR EACH ROW EXECUTE FUNCTION everyskill_users_update();
CREATE TRIGGER skills_insert BEFORE INSERT ON skills
FOR EACH ROW EXECUTE FUNCTION everyskill_skills_insert();
CREATE TRIGGER skills_update BEFORE UPDATE ON skills
FOR EACH ROW EXECUTE FUNCTION everyskill_skills_update();
CREATE TRIGGER skills_delete BEFORE DELETE ON skills
FOR EACH ROW EXECUTE FUNCTION everyskill_skills_delete();
CREATE TRIGGER skill_versions_insert BEFORE INSERT ON skill_versions
FOR EACH ROW EXECUTE FUNCTION everyskill_versions_insert();
CREATE TRIGGER skill_versions_state AFTER INSERT ON skill_versions
FOR EACH ROW EXECUTE FUNCTION everyskill_versions_state();
CREATE TRIGGER skill_versions_update BEFORE UPDATE ON skill_versions
FOR EACH ROW EXECUTE FUNCTION everyskill_refuse('a version never changes');
CREATE TRIGGER skill_versions_delete BEFORE DELETE ON skill_versions
FOR EACH ROW EXECUTE FUNCTION everyskill_delete();
CREATE TRIGGER version_events_insert BEFORE INSERT ON version_events
FOR EACH ROW EXECUTE FUNCTION everyskill_events_insert();
CREATE TRIGGER version_events_apply AFTER INSERT ON version_events
FOR EACH ROW EXECUTE FUNCTION everyskill_events_apply();
CREATE TRIGGER version_events_update BEFORE UPDATE ON version_events
FOR EACH ROW EXECUTE FUNCTION everyskill_refuse('an event never changes');
CREATE TRIGGER version_events_delete BEFORE DELETE ON version_events
FOR EACH ROW EXECUTE FUNCTION everyskill_delete();
CREATE TRIGGER version_state_write BEFORE INSERT OR UPDATE OR DELETE ON version_state
FOR EACH ROW EXECUTE FUNCTION everyskill_state_write();
CREATE TRIGGER ratings_insert BEFORE INSERT ON ratings
FOR EACH ROW EXECUTE FUNCTION everyskill_ratings_insert();
CREATE TRIGGER ratings_update BEFORE UPDATE ON ratings
FOR EACH ROW EXECUTE FUNCTION everyskill_ratings_update();
CREATE TRIGGER ratings_count AFTER INSERT OR UPDATE OR DELETE ON ratings
FOR EACH ROW EXECUTE FUNCTION everyskill_ratings_count();
CREATE TRIGGER usage_events_count AFTER INSERT ON usage_events
FOR EACH ROW EXECUTE FUNCTION everyskill_usage_count();
CREATE TRIGGER usage_events_update BEFORE UPDATE ON usage_events
FOR EACH ROW EXECUTE FUNCTION everyskill_usage_update();
CREATE TRIGGER usage_events_delete BEFORE DELETE ON usage_events
FOR EACH ROW EXECUTE FUNCTION everyskill_delete();
CREATE TRIGGER condemned_write BEFORE INSERT OR UPDATE ON condemned
FOR EACH ROW EXECUTE FUNCTION everyskill_condemned_write();
CREATE TRIGGER condemned_delete BEFORE DELETE ON condemned
FOR EACH ROW EXECUTE FUNCTION everyskill_condemned_delete();
CREATE TRIGGER tombstones_insert BEFORE INSERT ON tombstones
FOR EACH ROW EXECUTE FUNCTION everyskill_tombstones_insert();
CREATE TRIGGER tombstones_change BEFORE UPDATE OR DELETE ON tombstones
FOR EACH ROW EXECUTE FUNCTION everyskill_refuse('a tombstone never changes');

CREATE TRIGGER registry_truncate BEFORE TRUNCATE ON registry
FOR EACH STATEMENT EXECUTE FUNCTION everyskill_refuse('it is never truncated');
CREATE TRIGGER users_truncate BEFORE TRUNCATE ON users
FOR EACH STATEMENT EXECUTE FUNCTION everyskill_refuse('it is never truncated');
CREATE TRIGGER skills_truncate BEFORE TRUNCATE ON skills
FOR EACH STATEMENT EXECUTE FUNCTION everyskill_refuse('it is never truncated');
CREATE TRIGGER skill_versions_truncate BEFORE TRUNCATE ON skill_versions
FOR EACH STATEMENT EXECUTE FUNCTION everyskill_refuse('it is never truncated');
CREATE TRIGGER version_events_truncate BEFORE TRUNCATE ON version_events
FOR EACH STATEMENT EXECUTE FUNCTION everyskill_refuse('it is never truncated');
CREATE TRIGGER version_state_truncate BEFORE TRUNCATE ON version_state
FOR EACH STATEMENT EXECUTE FUNCTION everyskill_refuse('it is never truncated');
CREATE TRIGGER ratings_truncate BEFORE TRUNCATE ON ratings
FOR EACH STATEMENT EXECUTE FUNCTION everyskill_refuse('it is never truncated');
CREATE TRIGGER usage_events_truncate BEFORE TRUNCATE ON usage_events
FOR EACH STATEMENT EXECUTE FUNCTION everyskill_refuse('it is never truncated');
CREATE TRIGGER condemned_truncate BEFORE TRUNCATE ON condemned
FOR EACH STATEMENT EXECUTE FUNCTION everyskill_refuse('it is never truncated');
CREATE TRIGGER tombstones_truncate BEFORE TRUNCATE ON tombstones
FOR EACH STATEMENT EXECUTE FUNCTION everyskill_refuse('it is never truncated');

-- A trigger fires without a right on its function; only attaching or calling one needs it.
REVOKE EXECUTE ON FUNCTION
    everyskill_head_hash(text),
    everyskill_version_id(text, integer),
    everyskill_delete(),
    everyskill_skills_insert(),
    everyskill_skills_delete(),
    everyskill_versions_insert(),
    everyskill_versions_state(),
    everyskill_condemned_write(),
    everyskill_entry_hash(version_events),
    everyskill_events_insert(),
    everyskill_events_apply(),
    everyskill_ratings_insert(),
    everyskill_ratings_count(),
    everyskill_usage_count(),
    everyskill_tombstones_insert()
FROM PUBLIC;
