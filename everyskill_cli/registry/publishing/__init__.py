"""From folders to versions: read, decide, store the bytes, write the rows; and ``check``."""
