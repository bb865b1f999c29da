//! Metrics and audit lines that go nowhere, for commands that serve no request.

use std::{io, sync::Arc};

use crate::{
    base::clock::Clock,
    observe::{Observe, audit::Audit, metrics::Metrics},
};

/// Metrics that no client reads, and an audit log that drops its lines.
///
/// # Errors
/// The audit writer's thread cannot be started.
pub(super) fn unobserved(clock: &Arc<dyn Clock>) -> io::Result<Arc<Observe>> {
    let metrics = Metrics::new();
    let audit = Audit::start(true, Box::new(io::sink()), metrics.audit_dropped())?;
    Ok(Observe::new(metrics, audit, Arc::clone(clock)))
}
