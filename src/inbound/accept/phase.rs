//! The phases of the process: serving, draining, ended.

/// The phase of the process, for listeners and connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Serving.
    Serving,
    /// No new connections; requests under way may finish.
    Draining,
    /// Open requests are cut.
    Ended,
}
