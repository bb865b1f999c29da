"""The attacks, by part of the catalogue. Importing them registers them."""

from . import bodies, eras, payload, sessions, state, tasks, upstream  # noqa: F401
