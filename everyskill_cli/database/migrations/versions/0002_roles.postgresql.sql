-- Roles, PostgreSQL: what a login may claim that is not the owner of the registry. Never edited after
-- its release. Who has which right on which table is granted by `everyskill admin grants`; this is
-- what holds whatever was granted. A refusal for want of a role has the code insufficient_privilege,
-- a false claim restrict_violation, as in format 1.
--
-- Functions choose overloads over the whole search path, pg_catalog first or not: so whoever may
-- create functions in the registry's schema could slip one into those that run with the owner's
-- rights. Before PostgreSQL 15 that is everybody in the schema public.

DO $$ BEGIN
    PERFORM set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);
    IF pg_has_role((SELECT nspowner FROM pg_namespace WHERE nspname = current_schema()), 'USAGE') THEN
        EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', current_schema());
    END IF;
END $$;

CREATE FUNCTION everyskill_forbid(rule text) RETURNS void LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = 'everyskill: ' || rule;
END $$;

-- Whether this session's login is the owner of the registry, a member of it, or a superuser. SET ROLE
-- changes nothing about it, and neither do functions that run with the owner's rights.
CREATE FUNCTION everyskill_is_owner() RETURNS boolean LANGUAGE sql STABLE
SET search_path FROM CURRENT AS $$
    SELECT pg_has_role(session_user, relowner, 'MEMBER') FROM pg_class WHERE oid = 'users'::regclass
$$;

-- The user to whom the owner has bound this session's login; NULL for one that is bound to nobody.
CREATE FUNCTION everyskill_me() RETURNS text LANGUAGE sql STABLE
SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT id FROM users WHERE db_login = session_user::text
$$;

-- Whether a time is of this transaction: from its start, cut to milliseconds, to now.
CREATE FUNCTION everyskill_is_now(claimed timestamp with time zone) RETURNS boolean LANGUAGE sql VOLATILE
SET search_path FROM CURRENT AS $$
    SELECT claimed >= date_trunc('milliseconds', transaction_timestamp())
        AND claimed <= clock_timestamp()
$$;

-- A value as the one JSON text that is hashed (docs/format.md): keys by code point, no spaces. The
-- text of a single string, whole number, true, false or null is PostgreSQL's own.
CREATE FUNCTION everyskill_canonical(value jsonb) RETURNS text LANGUAGE plpgsql IMMUTABLE
SET search_path FROM CURRENT AS $$
BEGIN
    CASE jsonb_typeof(value)
    WHEN 'object' THEN
        RETURN '{' || coalesce((
            SELECT string_agg(to_json(m.key)::text || ':' || everyskill_canonical(m.value), ','
                ORDER BY m.key COLLATE "C")
            FROM jsonb_each(value) AS m
        ), '') || '}';
    WHEN 'array' THEN
        RETURN '[' || coalesce((
            SELECT string_agg(everyskill_canonical(m.value), ',' ORDER BY m.place)
            FROM jsonb_array_elements(value) WITH ORDINALITY AS m (value, place)
        ), '') || ']';
    WHEN 'number' THEN
        IF value::text !~ '^-?[0-9]{1,19}$' OR abs(value::text::numeric) >= 9223372036854775808 THEN
            PERFORM everyskill_raise('skill_versions: a number is whole and has 64 bits');
        END IF;
    ELSE
        NULL;
    END CASE;
    RETURN value::text;
END $$;

-- The same of a manifest, whose entries have the shape that is checked below: a thousand files in a
-- few milliseconds.
CREATE FUNCTION everyskill_canonical_files(files jsonb) RETURNS text LANGUAGE sql IMMUTABLE
SET search_path FROM CURRENT AS $$
    SELECT '[' || coalesce(string_agg(
        '{"executable":' || (m.entry -> 'executable')::text
            || ',"path":' || (m.entry -> 'path')::text
            || ',"sha256":' || (m.entry -> 'sha256')::text
            || ',"size":' || (m.entry -> 'size')::text || '}',
        ',' ORDER BY m.place), '') || ']'
    FROM jsonb_array_elements(files) WITH ORDINALITY AS m (entry, place)
$$;

CREATE FUNCTION everyskill_details_hash(v skill_versions) RETURNS text LANGUAGE sql IMMUTABLE
SET search_path FROM CURRENT AS $$
    SELECT encode(sha256(convert_to(
        '{"content_type":' || to_json(v.content_type)::text
            || ',"description":' || to_json(v.description)::text
            || ',"files":' || everyskill_canonical_files(v.files)
            || ',"message":' || coalesce(to_json(v.message)::text, 'null')
            || ',"metadata":' || everyskill_canonical(v.metadata)
            || ',"name":' || to_json(v.name)::text || '}',
        'UTF8')), 'hex')
$$;

-- What readers of a registry rely on (docs/format.md): a value of another shape would end every
-- command that meets it. In every condition what is absent or NULL is another shape.

CREATE FUNCTION everyskill_is_slug(value text) RETURNS boolean LANGUAGE sql IMMUTABLE
SET search_path FROM CURRENT AS $$
    SELECT coalesce(length(value) <= 64 AND value ~ '^[a-z0-9]+(-[a-z0-9]+)*$', false)
$$;

CREATE FUNCTION everyskill_are_tags(tags jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE
SET search_path FROM CURRENT AS $$
    SELECT CASE WHEN jsonb_typeof(tags) = 'array' THEN jsonb_array_length(tags) <= 20 AND NOT EXISTS (
        SELECT FROM jsonb_array_elements(tags) AS m (tag)
        WHERE jsonb_typeof(m.tag) <> 'string' OR NOT everyskill_is_slug(m.tag #>> '{}')
    ) ELSE false END
$$;

-- Of at most a thousand files, each once, by path in the order of code points.
CREATE FUNCTION everyskill_are_files(files jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE
SET search_path FROM CURRENT AS $$
    SELECT CASE WHEN jsonb_typeof(files) = 'array' THEN jsonb_array_length(files) <= 1000 AND coalesce((
        SELECT bool_and(CASE WHEN jsonb_typeof(f.entry) = 'object' THEN coalesce(
            jsonb_typeof(f.entry -> 'path') = 'string'
                AND octet_length(f.entry ->> 'path') BETWEEN 1 AND 512
                AND (f.before IS NULL OR f.before COLLATE "C" < f.entry ->> 'path')
                AND jsonb_typeof(f.entry -> 'executable') = 'boolean'
                AND jsonb_typeof(f.entry -> 'sha256') = 'string'
                AND f.entry ->> 'sha256' ~ '^[0-9a-f]{64}$'
                AND (f.entry -> 'size')::text ~ '^[0-9]{1,8}$'
                AND f.entry - ARRAY['path', 'executable', 'sha256', 'size'] = '{}'::jsonb,
            false) ELSE false END)
        FROM (
            SELECT m.entry, lag(m.entry ->> 'path') OVER (ORDER BY m.place) AS before
            FROM jsonb_array_elements(files) WITH ORDINALITY AS m (entry, place)
        ) AS f
    ), true) ELSE false END
$$;

-- What a version says of itself beside its columns; other keys are of clients to come.
CREATE FUNCTION everyskill_is_said(metadata jsonb) RETURNS boolean LANGUAGE sql IMMUTABLE
SET search_path FROM CURRENT AS $$
    SELECT CASE WHEN jsonb_typeof(metadata) = 'object' THEN octet_length(metadata::text) <= 1048576
        AND NOT jsonb_path_exists(metadata, '$.**{110}')
        AND coalesce(jsonb_typeof(metadata -> 'frontmatter') = 'object', false)
        AND coalesce(jsonb_typeof(metadata -> 'declared_version'), 'string') = 'string'
        AND CASE coalesce(jsonb_typeof(metadata -> 'source'), 'absent')
            WHEN 'absent' THEN true
            WHEN 'object' THEN NOT EXISTS (
                SELECT FROM jsonb_each(metadata -> 'source') AS m
                WHERE jsonb_typeof(m.value) <> CASE m.key WHEN 'modified' THEN 'boolean' ELSE 'string' END
            )
            ELSE false END
    ELSE false END
$$;

CREATE FUNCTION everyskill_check_version(v skill_versions) RETURNS void LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT everyskill_are_files(v.files) THEN
        PERFORM everyskill_raise('skill_versions: a file has a path, a size, a sha256 and executable, and its place');
    END IF;
    IF NOT everyskill_is_said(v.metadata) THEN
        PERFORM everyskill_raise('skill_versions: metadata has a map, frontmatter, and little else');
    END IF;
    IF (v.content_type IN ('application/zip', 'text/markdown; charset=utf-8', 'text/plain; charset=utf-8',
            'application/json', 'application/yaml', 'application/toml')) IS NOT TRUE
    THEN
        PERFORM everyskill_raise('skill_versions: the content_type is none of a skill');
    END IF;
    IF (octet_length(v.name) BETWEEN 1 AND 65536 AND octet_length(v.description) <= 65536) IS NOT TRUE THEN
        PERFORM everyskill_raise('skill_versions: name and description have 64 KiB at most');
    END IF;
    IF v.details_hash IS DISTINCT FROM everyskill_details_hash(v) THEN
        PERFORM everyskill_raise('skill_versions: details_hash is not the hash of the version');
    END IF;
END $$;

-- What clients set of a skill; of a change only what changed, so that odd values can be put right.
CREATE FUNCTION everyskill_check_labels(category text, tags jsonb, content text) RETURNS void LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF category IS NOT NULL AND NOT everyskill_is_slug(category) THEN
        PERFORM everyskill_raise('skills: a category is a slug');
    END IF;
    IF tags IS NOT NULL AND NOT everyskill_are_tags(tags) THEN
        PERFORM everyskill_raise('skills: tags are a list of 20 slugs at most');
    END IF;
    IF octet_length(content) > 262144 THEN
        PERFORM everyskill_raise('skills: the copy for search has 256 KiB at most');
    END IF;
END $$;

CREATE FUNCTION everyskill_was_published(skill text, number integer) RETURNS boolean LANGUAGE sql STABLE
SET search_path FROM CURRENT AS $$
    SELECT EXISTS (SELECT FROM version_events WHERE skill_id = skill AND published_version = number)
$$;

-- What clients let happen to a version (docs/format.md): an event is about something, and says what
-- it must. The event has passed the checks of format 1: the one before it has its place.
CREATE FUNCTION everyskill_check_event(e version_events) RETURNS void LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
DECLARE
    published integer;
    state version_state;
BEGIN
    SELECT published_version INTO published FROM version_events
    WHERE skill_id = e.skill_id AND seq = e.seq - 1;
    SELECT * INTO state FROM version_state
    WHERE skill_version_id = everyskill_version_id(e.skill_id, e.version);
    IF (CASE e.kind
        WHEN 'promote' THEN e.version IS DISTINCT FROM published
        WHEN 'rollback' THEN e.version < published AND everyskill_was_published(e.skill_id, e.version)
        WHEN 'yank' THEN state.purged_at IS NULL AND (state.yanked_at IS NULL
            OR (e.reason, e.successor) IS DISTINCT FROM (state.yank_reason, state.successor))
        WHEN 'unyank' THEN state.purged_at IS NULL AND state.yanked_at IS NOT NULL
        ELSE true
    END) IS NOT TRUE THEN
        PERFORM everyskill_raise(format('version_events: there is nothing to %s', e.kind));
    END IF;
    IF (CASE  -- white space alone says nothing
        WHEN e.kind = 'yank' THEN
            e.reason ~ '[^\u0009-\u000d\u001c-\u0020\u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]'
        WHEN e.kind IN ('publish', 'draft') THEN coalesce(e.reason LIKE 'allowed: %', true)
        ELSE true
    END) IS NOT TRUE THEN
        PERFORM everyskill_raise('version_events: a yank says why, a birth what was allowed');
    END IF;
    IF e.successor IS NOT NULL AND (e.kind <> 'yank' OR e.successor = e.version
        OR NOT everyskill_was_published(e.skill_id, e.successor)
        OR EXISTS (
            SELECT FROM version_state
            WHERE skill_version_id = everyskill_version_id(e.skill_id, e.successor)
                AND (yanked_at IS NOT NULL OR purged_at IS NOT NULL)
        ))
    THEN
        PERFORM everyskill_raise('version_events: the successor of a yanked version is another that stands');
    END IF;
END $$;

-- What a login that is not the owner adds is its own user's, of now, and what it claims is so. Under
-- another isolation than READ COMMITTED it would not see what was purged or condemned meanwhile.
CREATE FUNCTION everyskill_signed() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    me text;
    signed text;
    claimed timestamp with time zone;
BEGIN
    IF everyskill_is_owner() THEN
        RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
    END IF;
    me := everyskill_me();
    IF me IS NULL THEN
        PERFORM everyskill_forbid(format('%s: the login %s is bound to no user', TG_TABLE_NAME, session_user));
    END IF;
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        PERFORM everyskill_raise(format('%s: a login writes in READ COMMITTED', TG_TABLE_NAME));
    END IF;
    IF TG_OP = 'DELETE' THEN
        signed := OLD.user_id;
    ELSIF TG_TABLE_NAME = 'ratings' THEN
        signed := NEW.user_id;
        claimed := NEW.updated_at;
        IF TG_OP = 'INSERT' AND NEW.created_at IS DISTINCT FROM NEW.updated_at THEN
            PERFORM everyskill_raise('ratings: a rating is made when it is written');
        END IF;
    ELSIF TG_TABLE_NAME = 'usage_events' THEN
        signed := NEW.user_id;
        claimed := NEW.created_at;
        IF (everyskill_is_slug(NEW.tool_name) AND NEW.metadata = '{}'
            AND coalesce(length(NEW.external_id) BETWEEN 1 AND 200, true)) IS NOT TRUE
        THEN
            PERFORM everyskill_raise('usage_events: a use has a slug for a tool, an id of 200 characters, no metadata');
        END IF;
    ELSIF TG_TABLE_NAME = 'skills' THEN
        signed := NEW.author_id;
        claimed := NEW.created_at;
        IF everyskill_is_now(NEW.updated_at) IS NOT TRUE THEN
            PERFORM everyskill_raise('skills: the time is not the database''s');
        END IF;
        PERFORM everyskill_check_labels(NEW.category, NEW.tags, NEW.content);
        IF (octet_length(NEW.name) BETWEEN 1 AND 65536 AND octet_length(NEW.description) <= 65536) IS NOT TRUE
        THEN
            PERFORM everyskill_raise('skills: name and description have 64 KiB at most');
        END IF;
    ELSIF TG_TABLE_NAME = 'skill_versions' THEN
        signed := NEW.created_by;
        claimed := NEW.created_at;
        PERFORM everyskill_check_version(NEW);
    ELSE
        signed := NEW.actor_id;
        claimed := NEW.created_at;
        IF NEW.kind = 'purge' THEN
            PERFORM everyskill_forbid('version_events: only the owner of the registry purges');
        END IF;
        PERFORM everyskill_check_event(NEW);
    END IF;
    IF signed IS DISTINCT FROM me THEN
        PERFORM everyskill_forbid(format('%s: the login %s writes as its own user only', TG_TABLE_NAME, session_user));
    END IF;
    IF TG_OP <> 'DELETE' AND everyskill_is_now(claimed) IS NOT TRUE THEN
        PERFORM everyskill_raise(format('%s: the time is not the database''s', TG_TABLE_NAME));
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;

-- At the end of the transaction, whoever it is: nobody leaves a skill behind that has no history. Its
-- first event brings version 1 with it: format 1 sees to that.
CREATE FUNCTION everyskill_skills_born() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM version_events WHERE skill_id = NEW.id) THEN
        PERFORM everyskill_raise('skills: a skill begins with its first version');
    END IF;
    RETURN NULL;
END $$;

-- Until now a skill without any event had no hash that a tombstone could name. It has the one that
-- stands before the first event; so its owner can delete it, however it came about.
CREATE OR REPLACE FUNCTION everyskill_head_hash(skill text) RETURNS text LANGUAGE sql STABLE
SECURITY DEFINER SET search_path FROM CURRENT AS $$
    SELECT coalesce(
        (SELECT entry_hash FROM version_events WHERE skill_id = skill ORDER BY seq DESC LIMIT 1),
        repeat('0', 64)
    )
$$;

-- A client's own change of a skill; what triggers change with the owner's rights passes.
CREATE FUNCTION everyskill_skills_signed() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF everyskill_by_client(TG_RELID) IS FALSE OR everyskill_is_owner() THEN
        RETURN NEW;
    END IF;
    IF everyskill_me() IS NULL THEN
        PERFORM everyskill_forbid(format('skills: the login %s is bound to no user', session_user));
    END IF;
    IF NEW.updated_at IS DISTINCT FROM OLD.updated_at AND everyskill_is_now(NEW.updated_at) IS NOT TRUE
    THEN
        PERFORM everyskill_raise('skills: the time is not the database''s');
    END IF;
    PERFORM everyskill_check_labels(
        CASE WHEN NEW.category IS DISTINCT FROM OLD.category THEN NEW.category END,
        CASE WHEN NEW.tags IS DISTINCT FROM OLD.tags THEN NEW.tags END,
        CASE WHEN octet_length(NEW.content) > 262144 AND NEW.content IS DISTINCT FROM OLD.content
            THEN NEW.content END
    );
    RETURN NEW;
END $$;

-- Users, marks, tombstones and whole skills are the owner's, whatever somebody was granted. Once a
-- statement: a purge deletes many rows.
CREATE FUNCTION everyskill_owner_only() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF everyskill_is_owner() IS NOT TRUE THEN
        PERFORM everyskill_forbid(format('%s: %s is the owner''s of the registry', TG_TABLE_NAME, TG_OP));
    END IF;
    RETURN NULL;
END $$;

-- What a publisher may do about a mark of garbage collection: docs/format.md, steps 3 and 4.
CREATE FUNCTION everyskill_condemned_signed() RETURNS trigger LANGUAGE plpgsql
SET search_path FROM CURRENT AS $$
BEGIN
    IF everyskill_is_owner() THEN
        RETURN NEW;
    END IF;
    IF NEW.since IS DISTINCT FROM OLD.since OR OLD.deleted_at IS NOT NULL
        OR OLD.since > clock_timestamp() - interval '10 minutes'
        OR everyskill_is_now(NEW.deleted_at) IS NOT TRUE
    THEN
        PERFORM everyskill_forbid('condemned: a publisher counts only an abandoned mark''s object as deleted');
    END IF;
    RETURN NEW;
END $$;

-- At the end of the transaction: a mark that was taken off without the version that it waited for
-- would let in somebody who stored the bytes before they were deleted.
CREATE FUNCTION everyskill_condemned_used() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    IF everyskill_is_owner() IS NOT TRUE AND NOT EXISTS (
        SELECT FROM skill_versions
        WHERE content_url = OLD.content_url AND created_by = everyskill_me()
            AND created_at >= date_trunc('milliseconds', transaction_timestamp())
    ) THEN
        PERFORM everyskill_forbid('condemned: a publisher takes a mark off only together with adding the version');
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER ratings_signed BEFORE INSERT OR UPDATE OR DELETE ON ratings
FOR EACH ROW EXECUTE FUNCTION everyskill_signed();
CREATE TRIGGER usage_events_signed BEFORE INSERT ON usage_events
FOR EACH ROW EXECUTE FUNCTION everyskill_signed();
CREATE TRIGGER skills_signed BEFORE INSERT ON skills
FOR EACH ROW EXECUTE FUNCTION everyskill_signed();
CREATE CONSTRAINT TRIGGER skills_born AFTER INSERT ON skills DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION everyskill_skills_born();
CREATE TRIGGER skills_signed_update BEFORE UPDATE ON skills
FOR EACH ROW EXECUTE FUNCTION everyskill_skills_signed();
CREATE TRIGGER skill_versions_signed BEFORE INSERT ON skill_versions
FOR EACH ROW EXECUTE FUNCTION everyskill_signed();
CREATE TRIGGER version_events_signed BEFORE INSERT ON version_events
FOR EACH ROW EXECUTE FUNCTION everyskill_signed();
CREATE TRIGGER condemned_signed BEFORE UPDATE ON condemned
FOR EACH ROW EXECUTE FUNCTION everyskill_condemned_signed();
CREATE CONSTRAINT TRIGGER condemned_used AFTER DELETE ON condemned DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW EXECUTE FUNCTION everyskill_condemned_used();

CREATE TRIGGER condemned_owner BEFORE INSERT ON condemned
FOR EACH STATEMENT EXECUTE FUNCTION everyskill_owner_only();
CREATE TRIGGER registry_owner BEFORE INSERT ON registry
FOR EACH STATEMENT EXECUTE FUNCTION everyskill_owner_only();
CREATE TRIGGER skills_owner BEFORE DELETE ON skills
FOR EACH STATEMENT EXECUTE FUNCTION everyskill_owner_only();
CREATE TRIGGER tombstones_owner BEFORE INSERT ON tombstones
FOR EACH STATEMENT EXECUTE FUNCTION everyskill_owner_only();
CREATE TRIGGER usage_events_owner BEFORE UPDATE OR DELETE ON usage_events
FOR EACH STATEMENT EXECUTE FUNCTION everyskill_owner_only();
CREATE TRIGGER users_owner BEFORE INSERT OR UPDATE OR DELETE ON users
FOR EACH STATEMENT EXECUTE FUNCTION everyskill_owner_only();

-- Rows of others: read by everybody who may read the table, written by nobody but the owner of the
-- registry, to whom policies do not apply. In the words in which the server gives them back.

ALTER TABLE ratings ENABLE ROW LEVEL SECURITY;
CREATE POLICY ratings_read ON ratings FOR SELECT USING (true);
CREATE POLICY ratings_add ON ratings FOR INSERT
WITH CHECK ((user_id = ( SELECT everyskill_me() AS everyskill_me)));
CREATE POLICY ratings_change ON ratings FOR UPDATE
USING ((user_id = ( SELECT everyskill_me() AS everyskill_me)))
WITH CHECK ((user_id = ( SELECT everyskill_me() AS everyskill_me)));
CREATE POLICY ratings_remove ON ratings FOR DELETE
USING ((user_id = ( SELECT everyskill_me() AS everyskill_me)));

ALTER TABLE usage_events ENABLE ROW LEVEL SECURITY;
CREATE POLICY usage_events_read ON usage_events FOR SELECT USING (true);
CREATE POLICY usage_events_add ON usage_events FOR INSERT
WITH CHECK ((user_id = ( SELECT everyskill_me() AS everyskill_me)));

ALTER TABLE users ENABLE ROW LEVEL SECURITY;
CREATE POLICY users_read ON users FOR SELECT USING (true);

-- A trigger fires without a right on its function; only attaching or calling one needs it.
REVOKE EXECUTE ON FUNCTION everyskill_signed(), everyskill_condemned_used() FROM PUBLIC;
