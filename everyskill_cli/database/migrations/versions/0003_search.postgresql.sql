-- Search, PostgreSQL: the words of every skill, beside its row so that raters never rewrite them, and the
-- place of each skill in what is found. Never edited after its release.
--
-- What the tokens are says database/terms.py, which makes the same of what somebody types. Letters,
-- signs and accents are told apart by code point: what a server takes for a letter, and in a database
-- of the locale C whether it has a small form, depends on the server.

DO $$ BEGIN
    PERFORM set_config('search_path', quote_ident(current_schema()) || ', pg_temp', true);
END $$;

CREATE TABLE skill_search (
    skill_id TEXT NOT NULL,
    words TSVECTOR NOT NULL,
    CONSTRAINT pk_skill_search PRIMARY KEY (skill_id),
    CONSTRAINT fk_skill_search_skill_id FOREIGN KEY(skill_id) REFERENCES skills (id) ON DELETE CASCADE
);

CREATE INDEX ix_skills_place ON skills ((0 - (100 * (15 + stars_1 + 2 * stars_2 + 3 * stars_3 + 4 * stars_4 + 5 * stars_5) / (5 + stars_1 + stars_2 + stars_3 + stars_4 + stars_5) + 20 * CASE WHEN total_uses > 0 THEN length(CAST(total_uses AS TEXT)) ELSE 0 END)), slug);

-- For stats: the sums of everybody, or of an author, without a look at the skills themselves; and what
-- happened in a period, whoever's it was.
CREATE INDEX ix_skills_figures ON skills (author_id, total_uses, hours_saved, stars_1, stars_2, stars_3, stars_4, stars_5);

CREATE INDEX ix_usage_events_newest ON usage_events (created_at);

CREATE INDEX ix_ratings_newest_of_all ON ratings (updated_at);

CREATE FUNCTION everyskill_fold(value text) RETURNS text LANGUAGE sql IMMUTABLE
SET search_path FROM CURRENT AS $$
    SELECT CASE WHEN octet_length(value) = length(value) THEN lower(value) ELSE translate(
        lower(normalize(regexp_replace(normalize(value, NFD), '[\u0300-\u036f]', '', 'g'), NFC)),
        'ÆÐØÞĐĦĲĿŁŊŒŦƁƂƄƆƇƉƊƋƎƏƐƑƓƔƖƗƘƜƝƟƢƤƦƧƩƬƮƱƲƳƵƷƸƼǄǅǇǈǊǋǤǱǲǶǷȜȠȢȤȺȻȽȾɁɃɄɅɆɈɊɌɎͰͲͶͿΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩςϏϘϚϜϞϠϢϤϦϨϪϬϮϴϷϹϺϽϾϿЂЄЅІЈЉЊЋЏАБВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯѠѢѤѦѨѪѬѮѰѲѴѸѺѼѾҀҊҌҎҐҒҔҖҘҚҜҞҠҢҤҦҨҪҬҮҰҲҴҶҸҺҼҾӀӃӅӇӉӋӍӔӘӠӨӶӺӼӾԀԂԄԆԈԊԌԎԐԒԔԖԘԚԜԞԠԢԤԦԨԪԬԮԱԲԳԴԵԶԷԸԹԺԻԼԽԾԿՀՁՂՃՄՅՆՇՈՉՊՋՌՍՎՏՐՑՒՓՔՕՖẞỺỼỾⱠⱢⱣⱤⱧⱩⱫⱭⱮⱯⱰⱲⱵⱾⱿⅠⅡⅢⅣⅤⅥⅦⅧⅨⅩⅪⅫⅬⅭⅮⅯↃⒶⒷⒸⒹⒺⒻⒼⒽⒾⒿⓀⓁⓂⓃⓄⓅⓆⓇⓈⓉⓊⓋⓌⓍⓎⓏＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ',
        'æðøþđħĳŀłŋœŧɓƃƅɔƈɖɗƌǝəɛƒɠɣɩɨƙɯɲɵƣƥʀƨʃƭʈʊʋƴƶʒƹƽǆǆǉǉǌǌǥǳǳƕƿȝƞȣȥⱥȼƚⱦɂƀʉʌɇɉɋɍɏͱͳͷϳαβγδεζηθικλμνξοπρστυφχψωσϗϙϛϝϟϡϣϥϧϩϫϭϯθϸϲϻͻͼͽђєѕіјљњћџабвгдежзиклмнопрстуфхцчшщъыьэюяѡѣѥѧѩѫѭѯѱѳѵѹѻѽѿҁҋҍҏґғҕҗҙқҝҟҡңҥҧҩҫҭүұҳҵҷҹһҽҿӏӄӆӈӊӌӎӕәӡөӷӻӽӿԁԃԅԇԉԋԍԏԑԓԕԗԙԛԝԟԡԣԥԧԩԫԭԯաբգդեզէըթժիլխծկհձղճմյնշոչպջռսվտրցւփքօֆßỻỽỿⱡɫᵽɽⱨⱪⱬɑɱɐɒⱳⱶȿɀⅰⅱⅲⅳⅴⅵⅶⅷⅸⅹⅺⅻⅼⅽⅾⅿↄⓐⓑⓒⓓⓔⓕⓖⓗⓘⓙⓚⓛⓜⓝⓞⓟⓠⓡⓢⓣⓤⓥⓦⓧⓨⓩａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ'
    ) END
$$;

-- Each word once. Of scripts without spaces every two neighbouring characters, and what stands between.
CREATE FUNCTION everyskill_words(value text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE
SET search_path FROM CURRENT AS $$
DECLARE
    unspaced CONSTANT text := '\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u302f\u3031-\u3035\u3040-\u309f\u30a1-\u30ff\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U0003ffff';
    said text := regexp_replace(everyskill_fold(value),
        '[\u0001-\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00a9\u00ab-\u00b1\u00b4\u00b6-\u00b8\u00bb\u00bf\u00d7\u00f7\u055a-\u055f\u0589\u058a\u05be\u05c0\u05c3\u05f3\u05f4\u060c\u061b\u061f\u066a-\u066d\u06d4\u0964\u0965\u0e3f\u0e4f\u0e5a\u0e5b\u104a-\u104f\u1680\u17d4-\u17db\u2000-\u206f\u20a0-\u20cf\u2190-\u245f\u2500-\u2bff\u2e00-\u2e7f\u2ff0-\u3004\u3008-\u3020\u3030\u303d-\u303f\u30a0\u30fb\ue000-\uf8ff\ufe00-\ufe1f\ufe30-\ufe6f\ufeff\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65\uffe0-\uffff\U0001f000-\U0001faff\U000e0000-\U0010ffff]',
        ' ', 'g');
    found text[] := ARRAY(SELECT DISTINCT w FROM string_to_table(said, ' ') AS w WHERE w <> '');
    dense text[];
BEGIN
    IF octet_length(said) > length(said) AND said ~ concat('[', unspaced, ']') THEN
        dense := ARRAY(SELECT w FROM unnest(found) AS w WHERE w ~ concat('[', unspaced, ']'));
        found := found
            || ARRAY(SELECT part[1] FROM unnest(dense) AS w,
                regexp_matches(w, concat('[^', unspaced, ']+'), 'g') AS part)
            || ARRAY(SELECT pair FROM unnest(dense) AS w, LATERAL (
                SELECT sign, sign || lead(sign, 1, '') OVER (ORDER BY place) AS pair
                FROM string_to_table(w, NULL) WITH ORDINALITY AS c (sign, place)
            ) AS p WHERE sign ~ concat('[', unspaced, ']'));
    END IF;
    RETURN ARRAY(SELECT DISTINCT left(w, 64) FROM unnest(found) AS w);
END $$;

CREATE FUNCTION everyskill_tokens(slug text, name text, description text, category text, tags jsonb,
    author_id text, content text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE
SET search_path FROM CURRENT AS $$
DECLARE
    named text[] := everyskill_words(slug || ' ' || name);
    filed text[] := CASE WHEN jsonb_typeof(tags) = 'array' THEN ARRAY(
        SELECT t FROM jsonb_array_elements_text(tags) AS t WHERE everyskill_is_slug(t)) END;
BEGIN
    RETURN named
        || everyskill_words(concat_ws(E'\n', description, array_to_string(filed, ' '), content))
        || ARRAY(SELECT '=' || w FROM unnest(named) AS w)
        || ARRAY(SELECT '#' || t FROM unnest(filed) AS t)
        || CASE WHEN everyskill_is_slug(category) THEN ARRAY['/' || category] END
        || ('@' || author_id)
        || ARRAY(
            SELECT '~' || substr('_' || part || '_', place, 3)
            FROM string_to_table(slug, '-') AS part, generate_series(1, length(part)) AS place
        );
END $$;

-- A text of more words than PostgreSQL stores is found by its name, description and tags.
CREATE FUNCTION everyskill_document(s skills) RETURNS tsvector LANGUAGE plpgsql IMMUTABLE
SET search_path FROM CURRENT AS $$
BEGIN
    RETURN array_to_tsvector(everyskill_tokens(
        s.slug, s.name, s.description, s.category, s.tags, s.author_id, s.content));
EXCEPTION WHEN program_limit_exceeded THEN
    RETURN array_to_tsvector(everyskill_tokens(
        s.slug, s.name, left(s.description, 2000), s.category, s.tags, s.author_id, NULL));
END $$;

-- With the rights of the owner, so that a publisher needs none on the words.
CREATE FUNCTION everyskill_skills_search() RETURNS trigger LANGUAGE plpgsql
SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    INSERT INTO skill_search (skill_id, words) VALUES (NEW.id, everyskill_document(NEW))
    ON CONFLICT (skill_id) DO UPDATE SET words = excluded.words;
    RETURN NULL;
END $$;

-- A rating sets none of these columns, so it compares none.
CREATE TRIGGER skills_search_insert AFTER INSERT ON skills
FOR EACH ROW EXECUTE FUNCTION everyskill_skills_search();
CREATE TRIGGER skills_search_update AFTER UPDATE OF name, description, category, tags, content ON skills
FOR EACH ROW WHEN (
    (OLD.name, OLD.description, OLD.category, OLD.tags, OLD.content)
    IS DISTINCT FROM (NEW.name, NEW.description, NEW.category, NEW.tags, NEW.content)
) EXECUTE FUNCTION everyskill_skills_search();

INSERT INTO skill_search (skill_id, words)
SELECT id, everyskill_document(skills) FROM skills;

CREATE INDEX ix_skill_search_words ON skill_search USING gin (words);

-- How often a word is there decides how it is looked for: know it of the 3,000 most frequent.
ALTER TABLE skill_search ALTER words SET STATISTICS 300;

ANALYZE skill_search;

-- Whoever reads skills reads what they are found by.
DO $$
DECLARE
    reader name;
BEGIN
    FOR reader IN
        SELECT r.rolname FROM pg_class AS c, aclexplode(c.relacl) AS a JOIN pg_roles AS r ON r.oid = a.grantee
        WHERE c.oid = 'skills'::regclass AND a.privilege_type = 'SELECT' AND a.grantee <> c.relowner
    LOOP
        EXECUTE format('GRANT SELECT ON skill_search TO %I', reader);
    END LOOP;
END $$;

-- A trigger fires without a right on its function; only attaching or calling one needs it.
REVOKE EXECUTE ON FUNCTION everyskill_skills_search() FROM PUBLIC;
