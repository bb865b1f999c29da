//! Names of claims, globs, key sets, scope lists and metadata (A4, A5, A9, A12, A13).

mod key_sets;
