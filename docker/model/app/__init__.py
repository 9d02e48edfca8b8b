"""A deterministic stand-in for an OpenAI-compatible model, for tests."""
