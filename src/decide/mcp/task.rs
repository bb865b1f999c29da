//! Finds the task that the answer to a `tools/call` has made.
