"""What is wrong with a machine's pips, caches and indexes."""
