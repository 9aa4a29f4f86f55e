"""everyskill: a registry of agent skills that is only your bucket and your database."""
