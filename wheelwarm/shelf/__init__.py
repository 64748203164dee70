"""What pip would do with the entry of one artifact, and whether that entry is sound."""
