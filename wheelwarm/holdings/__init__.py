"""Everything in the cache by name: identified, counted, selected, and judged for what it is still good for."""
