//! Sets up the log: JSON lines or text, to standard error, at one level.
