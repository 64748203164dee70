"""pip's cache on disk: what stands where, in which format, and what pip would make of it."""
