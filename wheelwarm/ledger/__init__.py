"""wheelwarm's own record below the cache: never the truth, and the only user of sqlite3."""
