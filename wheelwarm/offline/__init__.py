"""Whether an install would succeed with the network down."""
