"""Where skills get out again: agents' folders, the lock file, the swap, the cache.

Nothing here knows a registry. A skill that arrives here was verified; what lies in a folder before
and after is compared with what was published by its digest, and by nothing else: there is no
second list of what is installed that could be wrong.
"""
