"""What wheelwarm promises, held by tests; the package's modules are mirrored by name."""
