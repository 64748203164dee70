"""A wheelhouse: a folder of wheels and sdists for pip, and the index pages for it."""
