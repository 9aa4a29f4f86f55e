"""Make the schema, or bring it to the newest revision."""

from __future__ import annotations

from everyskill_cli.database.engine import Database
from everyskill_cli.database.schema import upgrade as upgrade_schema
from everyskill_cli.model import UpgradeAnswer
from everyskill_cli.registry.memory import begin_anew
from everyskill_cli.settings import Settings


def upgrade(settings: Settings) -> UpgradeAnswer:
    """Upgrade the database that the settings name.

    Raises:
        NotReady: it belongs to a newer program, or holds another program's tables.
    """
    if settings.problem is not None:
        raise settings.problem
    with Database(settings.database_url) as database:
        change = upgrade_schema(database)
        warnings = begin_anew(settings) if database.is_new else ()
    return UpgradeAnswer(
        status="unchanged" if change.before == change.after else "upgraded",
        results=(change,),
        warnings=warnings,
    )
