//! Defaults that the tokens of every authorization server share, embedded or not.

use std::time::Duration;

/// How far clocks may be apart, where `clock_skew` says nothing (SPEC B-21).
pub const CLOCK_SKEW: Duration = Duration::from_secs(30);
/// In this time unknown keys cause one fetch and at most five more, where `refetch_floor` says
/// nothing.
pub const REFETCH_FLOOR: Duration = Duration::from_secs(30);
/// Claims that name the client, where the profile says nothing.
pub const CLIENT_CLAIMS: &[&str] = &["client_id", "azp", "cid"];
