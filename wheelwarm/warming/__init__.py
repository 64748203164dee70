"""From a resolution to a warm cache: what runs ahead of pip, what is fetched, seeded, built and recorded."""
