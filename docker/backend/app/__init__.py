"""The Todo application's backend: a REST API over PostgreSQL, and a chat whose agent works on the todos."""

__version__ = "0.2.0"
