//! Who tries too often: logins by account and by address, secrets by client, registrations by address (SPEC E-28, E-35).

use std::{net::IpAddr, time::Duration};

use crate::base::clock::Now;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Deed<'a> {
    /// A failed login to an account, existing or not.
    LoginTo(&'a str),
    /// A failed login from an address.
    LoginFrom(IpAddr),
    /// A wrong secret or assertion of a client.
    ClientSecret(&'a str),
    /// The same from an address.
    ClientFrom(IpAddr),
    /// A registration from an address.
    Registration(IpAddr),
    /// A request to the authorize endpoint that makes us fetch or store, from an address.
    Authorize(IpAddr),
}

/// Bounded memory of deeds; each replica has its own.
#[derive(Default)]
pub struct Throttle {}

impl Throttle {
    /// Whether one more is permitted.
    ///
    /// # Errors
    /// How long to wait.
    pub fn check(&self, _deed: Deed<'_>, _now: Now) -> Result<(), Duration> {
        todo!()
    }

    /// Counts one.
    pub fn count(&self, _deed: Deed<'_>, _now: Now) {
        todo!()
    }
}
