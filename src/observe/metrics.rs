//! Counts and gauges, and their text for Prometheus.

use crate::base::names::ServerName;

/// The series of one server, looked up once when a snapshot is built.
#[derive(Debug)]
pub struct ServerSeries {
    /// The server.
    pub name: ServerName,
}
