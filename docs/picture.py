"""Draw docs/show.svg, the picture of ``everyskill show`` in the README.

``python docs/picture.py`` writes it; with ``--check`` it exits 1 where the picture is not what the
program prints today. The picture holds a fingerprint of that text and its colours, so that another
release of rich, which may draw the same text as other SVG, does not make it stale.
"""

from __future__ import annotations

import hashlib
import io
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.terminal_theme import TerminalTheme

from everyskill_cli.cli.render import layouts, screen
from everyskill_cli.model import (
    FileEntry,
    RatingEntry,
    ShowAnswer,
    Skill,
    SkillVersion,
    VersionStatus,
    VersionSummary,
)
from everyskill_cli.registry import trend

PICTURE: Final = Path(__file__).with_name("show.svg")
NOW: Final = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
WIDTH: Final = 100
THEME: Final = TerminalTheme(
    (24, 26, 31),
    (214, 218, 226),
    [
        (60, 66, 77),
        (224, 108, 117),
        (126, 196, 124),
        (229, 187, 102),
        (97, 160, 230),
        (190, 130, 220),
        (86, 182, 194),
        (214, 218, 226),
    ],
)
SVG: Final = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
  <title>everyskill show code-review</title>
  <!-- fingerprint FINGERPRINT -->
  <style>
    .{unique_id}-matrix {{
      font-family: ui-monospace, "SFMono-Regular", Menlo, Consolas, "DejaVu Sans Mono", monospace;
      font-size: {char_height}px;
      line-height: {line_height}px;
    }}
    .{unique_id}-title {{ font-size: 16px; font-family: ui-monospace, Menlo, "DejaVu Sans Mono"; }}
    {styles}
  </style>
  <defs>
    <clipPath id="{unique_id}-clip-terminal">
      <rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
    </clipPath>
    {lines}
  </defs>
  {chrome}
  <g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
    {backgrounds}
    <g class="{unique_id}-matrix">{matrix}</g>
  </g>
</svg>
"""
STARS: Final = {  # of each version, how many gave one star, two, … five
    5: (0, 0, 0, 0, 0),
    4: (0, 0, 0, 2, 7),
    3: (0, 0, 2, 1, 3),
    2: (0, 1, 0, 2, 1),
    1: (0, 1, 1, 1, 0),
}
ADA, BEN, CLEO, DAN = ("ada@example.com", "ben@example.com", "cleo@example.com", "dan@example.com")


def days(count: float) -> datetime:
    """Give the moment that many days before the picture was taken."""
    return NOW - timedelta(days=count)


def version(
    number: int,
    status: VersionStatus,
    who: str,
    when: datetime,
    message: str,
    stars: tuple[int, int, int, int, int],
    uses: int,
) -> VersionSummary:
    """Make one line of the history; ``stars`` is how many gave one star, two, … five."""
    count = sum(stars)
    given = sum(star * each for star, each in enumerate(stars, 1))
    return VersionSummary(
        version=number,
        status=status,
        content_hash=hashlib.sha256(str(number).encode()).hexdigest(),
        content_type="application/zip",
        size_bytes=9_800 + 640 * number,
        declared_version=f"1.{number}.0",
        message=message,
        author=who,
        created_at=when,
        rating_count=count,
        average_rating=(200 * given + count) // (2 * count) if count else None,
        stars_1=stars[0],
        stars_2=stars[1],
        stars_3=stars[2],
        stars_4=stars[3],
        stars_5=stars[4],
        hours_saved=3 * count,
        uses=uses,
        yanked_at=None,
        yank_reason=None,
        successor=None,
        purged_at=None,
        purge_reason=None,
    )


def comment(
    number: int, who: str, stars: int, hours: int | None, when: datetime, text: str
) -> RatingEntry:
    """Make one comment."""
    return RatingEntry(
        id=f"00000000-0000-4000-8000-00000000000{number}",
        version=number,
        user=who,
        rating=stars,
        comment=text,
        hours_saved_estimate=hours,
        created_at=when,
        updated_at=when,
    )


def example() -> ShowAnswer:
    """Make an answer such as a team has after some months."""
    history = (
        version(5, "draft", BEN, days(0.1), "Try a checklist for migrations", STARS[5], 2),
        version(4, "published", ADA, days(3), "Ask for a failing test first", STARS[4], 212),
        version(
            3,
            "superseded",
            CLEO,
            days(24),
            "Say which line each remark is about",
            (0, 0, 2, 1, 3),
            96,
        ),
        version(
            2,
            "superseded",
            ADA,
            days(61),
            "Shorter; the style guide is linked",
            (0, 1, 0, 2, 1),
            41,
        ),
        version(1, "superseded", ADA, days(118), "First version", STARS[1], 12),
    )
    skill = Skill(
        id="00000000-0000-4000-8000-000000000001",
        slug="code-review",
        name="Code review",
        description="Reviews a change the way a calm senior engineer does: correctness first, then"
        " tests, then names. Use it before a pull request is opened, or on one that is.",
        category="engineering",
        tags=("git", "quality", "review"),
        author_id="00000000-0000-4000-8000-000000000002",
        latest_version=5,
        published_version_id="00000000-0000-4000-8000-000000000014",
        draft_version_id="00000000-0000-4000-8000-000000000015",
        total_uses=363,
        stars_1=0,
        stars_2=2,
        stars_3=3,
        stars_4=6,
        stars_5=11,
        hours_saved=66,
        average_rating=418,
        created_at=days(118),
        updated_at=days(0.1),
    )
    shown = history[1]
    return ShowAnswer(
        skill=skill,
        author=ADA,
        published_version=4,
        draft_version=5,
        version=SkillVersion(
            id="00000000-0000-4000-8000-000000000014",
            skill_id=skill.id,
            version=shown.version,
            content_url=f"sha256/{shown.content_hash[:2]}/{shown.content_hash}",
            content_hash=shown.content_hash,
            content_type=shown.content_type,
            size_bytes=shown.size_bytes,
            name=skill.name,
            description=skill.description,
            files=tuple(
                FileEntry(path=path, size=size, sha256=shown.content_hash, executable=False)
                for path, size in (("SKILL.md", 6_200), ("references/style.md", 4_100))
            ),
            metadata={"frontmatter": {"name": "code-review"}, "declared_version": "1.4.0"},
            message=shown.message,
            details_hash=shown.content_hash,
            created_by="00000000-0000-4000-8000-000000000002",
            created_at=shown.created_at,
        ),
        summary=shown,
        location="s3://skills/acme/sha256/4b/" + shown.content_hash[:12],
        text=None,
        versions=history,
        comments=(
            comment(4, CLEO, 5, 4, days(0.3), "Found a race that three of us had read past."),
            comment(4, DAN, 5, None, days(1), "Finally says what to test, not just that I should."),
            comment(3, BEN, 3, 1, days(20), "Good remarks, too many of them about names."),
        ),
        change=trend.headline(skill.slug, history, 4),
    )


def draw() -> str:
    """Draw the picture as SVG."""
    console = Console(
        record=True,
        file=io.StringIO(),
        force_terminal=True,
        color_system="standard",
        no_color=False,
        width=WIDTH,
        height=25,
        markup=False,
        emoji=False,
        highlight=False,
    )
    screen.draw(console, layouts.blocks_of(example(), NOW))
    text = console.export_text(clear=False, styles=True)
    drawn_from = f"{text}{SVG}{[THEME.ansi_colors[number] for number in range(16)]}"
    fingerprint = hashlib.sha256(drawn_from.encode()).hexdigest()
    return console.export_svg(
        title="everyskill show code-review",
        theme=THEME,
        code_format=SVG.replace("FINGERPRINT", fingerprint),
    )


def fingerprint(picture: str) -> str:
    """Find the fingerprint in a picture; empty where there is none."""
    return picture.partition("<!-- fingerprint ")[2].partition(" -->")[0]


def main(words: list[str]) -> int:
    """Write the picture, or check it."""
    drawn = draw()
    if words == ["--check"]:
        held = PICTURE.read_text(encoding="utf-8") if PICTURE.exists() else ""
        if fingerprint(held) == fingerprint(drawn):
            return 0
        sys.stderr.write("docs/show.svg is stale: run python docs/picture.py\n")
        return 1
    PICTURE.write_text(drawn, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
