//! Why a relayed answer breaks off before its end.

use std::{error::Error, fmt};

use crate::{inbound::state::usage::Shortage, outbound::upstream::BrokeOff};

/// Why an answer breaks off.
#[derive(Debug)]
pub(in crate::inbound) enum Broken {
    /// The upstream broke off.
    Upstream(BrokeOff),
    /// The next bytes may not be relayed. The client must not take the answer for complete.
    Unfit(&'static str),
    /// There is no room to hold the next bytes, which must be read before they are relayed.
    NoRoom(Box<Shortage>),
}

impl fmt::Display for Broken {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upstream(error) => match error.source() {
                Some(cause) => write!(out, "the upstream broke off: {error}: {cause}"),
                None => write!(out, "the upstream broke off: {error}"),
            },
            Self::Unfit(why) => write!(out, "the upstream's answer may not pass: {why}"),
            Self::NoRoom(shortage) => {
                write!(out, "no room to read the upstream's answer: {}", shortage.refusal.row().reason)
            }
        }
    }
}

impl Error for Broken {}
