"""Taking things out of the cache beside running pips: to the letter of a plan that was shown."""
