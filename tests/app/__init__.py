"""The Todo application's own tests: each part's lint, types and unit tests, and journeys through all of it as local processes."""
