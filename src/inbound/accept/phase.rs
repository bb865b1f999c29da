//! How far the end of the process has come.

/// The phase of the process, for listeners and connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Serving.
    Serving,
    /// No new connections; requests under way may finish.
    Draining,
    /// What is still open is cut.
    Ended,
}
