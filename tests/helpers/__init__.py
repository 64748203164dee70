"""A real index, real pips, made artifacts."""
