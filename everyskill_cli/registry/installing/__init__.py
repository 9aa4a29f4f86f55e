"""From versions to agents' folders: what is wanted, the steps, the fetch, the swap, the lock."""
