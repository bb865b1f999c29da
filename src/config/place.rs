//! Where a value is written in the configuration file, and the path of its key.

/// A position in a file, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Position {
    pub(super) line: usize,
    pub(super) column: usize,
}

/// A position, and the path of the key there.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Place {
    pub(super) at: Position,
    pub(super) key: String,
}

impl Place {
    pub(super) fn new(at: Position, key: &str) -> Self {
        Self { at, key: key.to_owned() }
    }
}

/// A value, and where it is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Written<T> {
    pub(super) value: T,
    pub(super) place: Place,
}
