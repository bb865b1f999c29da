//! Tells, step by step, how a decision came about: the same `evaluate`, spoken aloud.
