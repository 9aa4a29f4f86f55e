-- Search and stats, SQLite: the words of every skill in a full-text table, and the place of each in what is found.
-- Never edited after its release.
--
-- A full-text table names rows by number, and SQLite may renumber the rows of skills: so each skill has
-- a number of its own here. Triggers write no full-text table while the schema is not trusted: they
-- note whose words are stale, and whoever writes catches up before COMMIT (database/indexing.py).
-- What the tokens are says database/terms.py; none holds a sign at which this table would split it.

CREATE TABLE skill_search (
    number INTEGER PRIMARY KEY,
    skill_id TEXT NOT NULL,
    is_stale INTEGER NOT NULL,
    CONSTRAINT uq_skill_search_skill_id UNIQUE (skill_id),
    CONSTRAINT ck_skill_search_types CHECK (typeof(skill_id) = 'text' AND is_stale IN (0, 1))
);

CREATE INDEX ix_skill_search_stale ON skill_search (number) WHERE is_stale = 1;

CREATE VIRTUAL TABLE skill_words USING fts5(words, tokenize = "ascii tokenchars '=#/@~_-'", detail = none);

CREATE INDEX ix_skills_place ON skills ((0 - (CASE WHEN stars_1 BETWEEN 0 AND 1000000000000000 AND stars_2 BETWEEN 0 AND 1000000000000000 AND stars_3 BETWEEN 0 AND 1000000000000000 AND stars_4 BETWEEN 0 AND 1000000000000000 AND stars_5 BETWEEN 0 AND 1000000000000000 THEN CAST(100 * (15 + stars_1 + 2 * stars_2 + 3 * stars_3 + 4 * stars_4 + 5 * stars_5) / (5 + stars_1 + stars_2 + stars_3 + stars_4 + stars_5) AS BIGINT) ELSE 300 END + 20 * CASE WHEN total_uses BETWEEN 1 AND 9223372036854775807 THEN length(CAST(total_uses AS TEXT)) ELSE 0 END)), slug);

-- For stats: the sums of everybody, or of an author, without a look at the skills themselves; and what
-- happened in a period, whoever's it was.
CREATE INDEX ix_skills_figures ON skills (author_id, total_uses, hours_saved, stars_1, stars_2, stars_3, stars_4, stars_5);

CREATE INDEX ix_usage_events_newest ON usage_events (created_at);

CREATE INDEX ix_ratings_newest_of_all ON ratings (updated_at);

CREATE TRIGGER skills_search_insert AFTER INSERT ON skills
BEGIN
    INSERT INTO skill_search (skill_id, is_stale) VALUES (NEW.id, 1);
END;

CREATE TRIGGER skills_search_update AFTER UPDATE OF name, description, category, tags, content ON skills
WHEN NEW.name IS NOT OLD.name OR NEW.description IS NOT OLD.description
    OR NEW.category IS NOT OLD.category OR NEW.tags IS NOT OLD.tags OR NEW.content IS NOT OLD.content
BEGIN
    UPDATE skill_search SET is_stale = 1 WHERE skill_id = NEW.id;
END;

CREATE TRIGGER skills_search_delete AFTER DELETE ON skills
BEGIN
    UPDATE skill_search SET is_stale = 1 WHERE skill_id = OLD.id;
END;

INSERT INTO skill_search (skill_id, is_stale) SELECT id, 1 FROM skills ORDER BY rowid;
