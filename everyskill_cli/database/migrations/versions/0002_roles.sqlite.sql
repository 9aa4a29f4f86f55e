-- Roles, SQLite: it has none, but what 0002 changes on PostgreSQL for everybody holds here as well.
-- Never edited after its release.
--
-- A skill without any event has the hash that stands before the first one. Clients never leave such
-- a skill behind; where somebody did by hand, its owner can delete it.

DROP TRIGGER skills_delete;

CREATE TRIGGER skills_delete BEFORE DELETE ON skills
WHEN NOT EXISTS (
    SELECT 1 FROM tombstones
    WHERE skill_id = OLD.id AND slug = OLD.slug AND last_version = OLD.latest_version
        AND head_hash = coalesce((
            SELECT entry_hash FROM version_events
            WHERE skill_id = OLD.id ORDER BY seq DESC LIMIT 1
        ), '0000000000000000000000000000000000000000000000000000000000000000')
)
BEGIN
    SELECT RAISE(ABORT, 'everyskill: skills: a skill is deleted only under its tombstone');
END;

DROP TRIGGER tombstones_insert;

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
            AND NEW.head_hash = coalesce((
                SELECT entry_hash FROM version_events
                WHERE skill_id = k.id ORDER BY seq DESC LIMIT 1
            ), '0000000000000000000000000000000000000000000000000000000000000000')
    );
END;
