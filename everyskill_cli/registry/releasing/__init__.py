"""Which version people get: one event each, decided by a rule and carried out under the lock."""
