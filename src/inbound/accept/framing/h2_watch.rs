//! Watches an HTTP/2 connection for violations, whether hyper refuses them or not.

use std::{io, sync::Arc};

use crate::{
    base::limits::heads::HeadBounds,
    decide::fields::framing::{
        blocks::Blocks,
        frames::{Cutoff, Frames},
        violation::Violation,
    },
    inbound::accept::framing::breach::Breach,
};

/// Watches both directions: outgoing frames show what hyper refused, and incoming header blocks
/// show what hyper does not refuse.
pub(in crate::inbound) struct H2Watch {
    frames: Frames,
    blocks: Blocks,
    breach: Arc<Breach>,
}

impl H2Watch {
    /// The watch over a new connection.
    pub(in crate::inbound) fn new(breach: Arc<Breach>, bounds: HeadBounds) -> Self {
        Self { frames: Frames::new(), blocks: Blocks::new(bounds), breach }
    }

    /// Reads incoming bytes.
    pub(in crate::inbound) fn came(&mut self, bytes: &mut [u8]) -> io::Result<()> {
        self.blocks.watch(bytes).map_err(|malformed| {
            self.breach.note(Violation::H2Protocol);
            io::Error::new(io::ErrorKind::InvalidData, malformed.0)
        })
    }

    /// Reads outgoing bytes.
    pub(in crate::inbound) fn sent(&mut self, bytes: &[u8]) {
        let breach = &self.breach;
        self.frames.watch(bytes, |cutoff| {
            let (Cutoff::Stream(code) | Cutoff::Connection(code)) = cutoff;
            if let Some(violation) = Violation::of_h2(code) {
                breach.note(violation);
            }
        });
    }
}
