//! Why the answer to a request ended.

/// The reason: a field of the audit line, and the label of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Every byte was passed to the connection.
    Finished,
    /// The client closed the connection or reset the stream.
    ClientGone,
    /// The client did not read its answer, and the gateway ended it.
    ClientStalled,
    /// The deadline of the drain cut it.
    Drain,
    /// The token expired or was revoked, or a reload withdrew the permission.
    PermitExpired,
    /// The upstream sent no answer, broke it off, or sent an answer that may not be relayed.
    UpstreamFailed,
    /// The answer is a stream that must be read, and there was no room to hold its next event.
    Overloaded,
}

impl End {
    /// All reasons, in the order of [`Self::index`].
    pub const ALL: [Self; 7] = [
        Self::Finished,
        Self::ClientGone,
        Self::ClientStalled,
        Self::Drain,
        Self::PermitExpired,
        Self::UpstreamFailed,
        Self::Overloaded,
    ];

    /// The label.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Finished => "finished",
            Self::ClientGone => "client_gone",
            Self::ClientStalled => "client_stalled",
            Self::Drain => "drain",
            Self::PermitExpired => "permit_expired",
            Self::UpstreamFailed => "upstream_failed",
            Self::Overloaded => "overloaded",
        }
    }

    /// Its place in [`Self::ALL`].
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_end_has_its_place() {
        for (index, end) in End::ALL.into_iter().enumerate() {
            assert_eq!(end.index(), index);
        }
    }
}
