"""What people name: requirement strings and files, projects, scripts and locks, read into one RequirementSet."""
