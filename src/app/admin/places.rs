//! The open admin connections, and which connection is closed to make room for a new one.

use std::{
    net::IpAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
};

use tokio::task::{AbortHandle, Id};

use crate::base::{limits::operating::ADMIN_SHARE_FOR_HEADS, peer::network};

/// The open connections, oldest first.
pub(super) struct AdminPlaces {
    most: usize,
    all: Vec<Place>,
}

struct Place {
    peer: IpAddr,
    /// Whether its request has arrived.
    asked: Arc<AtomicBool>,
    task: AbortHandle,
}

/// What decides which connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Holder {
    peer: IpAddr,
    asked: bool,
}

impl AdminPlaces {
    /// For at most `most` connections.
    pub(super) fn new(most: usize) -> Self {
        Self { most, all: Vec::new() }
    }

    /// Whether there is room for a new connection. If not, closes an old one, whose descriptor is
    /// free once its task has ended.
    pub(super) fn has_room(&self) -> bool {
        if self.all.len() < self.most {
            return true;
        }
        let holders: Vec<Holder> =
            self.all.iter().map(|place| Holder { peer: place.peer, asked: place.asked.load(Relaxed) }).collect();
        if let Some(place) = leaves(&holders).and_then(|index| self.all.get(index)) {
            place.task.abort();
        }
        false
    }

    /// Adds a connection of `peer`, served by `task`, which sets `asked` once the request arrived.
    pub(super) fn take(&mut self, peer: IpAddr, asked: Arc<AtomicBool>, task: AbortHandle) {
        self.all.push(Place { peer: network(peer), asked, task });
    }

    /// Removes the connection whose task has ended.
    pub(super) fn give_back(&mut self, task: Id) {
        self.all.retain(|place| place.task.id() != task);
    }
}

/// The connection to close: the oldest of the peer with the most connections. Half-sent requests
/// are closed first, unless they are so few that a probe could be among them.
fn leaves(holders: &[Holder]) -> Option<usize> {
    let few = (holders.len() / ADMIN_SHARE_FOR_HEADS).max(1);
    let are_many = holders.iter().filter(|holder| !holder.asked).count() > few;
    let may_leave = |holder: &&Holder| !are_many || !holder.asked;
    let held = |peer: IpAddr| holders.iter().filter(may_leave).filter(|holder| holder.peer == peer).count();
    let most = holders.iter().filter(may_leave).map(|holder| held(holder.peer)).max()?;
    holders.iter().position(|holder| may_leave(&holder) && held(holder.peer) == most)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::base::limits::operating::{ADMIN_CONNECTIONS_LEAST, ADMIN_CONNECTIONS_MAX};

    const FOR_HEADS: usize = ADMIN_CONNECTIONS_MAX / ADMIN_SHARE_FOR_HEADS;

    fn holder(peer: u8, asked: bool) -> Holder {
        Holder { peer: Ipv4Addr::new(192, 0, 2, peer).into(), asked }
    }

    #[test]
    fn attack_175_the_oldest_half_sent_request_of_the_largest_holder_makes_room() {
        let flood = vec![holder(1, false); ADMIN_CONNECTIONS_MAX - 2];
        let with = |first: &[Holder], last: &[Holder]| [first, &flood, last].concat();
        for (holders, leaves_at, why) in [
            (with(&[], &[holder(1, false), holder(1, false)]), 0, "the oldest"),
            (with(&[holder(2, false)], &[holder(2, false)]), 1, "the largest holder's oldest"),
            (with(&[holder(1, true), holder(2, true)], &[]), 2, "answers under way are kept"),
        ] {
            assert_eq!(leaves(&holders), Some(leaves_at), "{why}");
        }
    }

    #[test]
    fn attack_175_slow_readers_make_room_before_the_few_requests_that_arrive() {
        let mut holders = vec![holder(1, true); ADMIN_CONNECTIONS_MAX - FOR_HEADS];
        holders.extend([holder(1, false); FOR_HEADS]);
        assert_eq!(leaves(&holders), Some(0));
        // The oldest of them may be a half-sent one: it has had its time.
        holders.rotate_right(1);
        assert_eq!(leaves(&holders), Some(0));
        assert_eq!(leaves(&[]), None);
    }

    #[test]
    fn attack_175_where_places_are_few_one_request_that_arrives_is_spared() {
        let mut holders = vec![holder(1, true); ADMIN_CONNECTIONS_LEAST];
        assert_eq!(leaves(&holders), Some(0));
        holders[3] = holder(2, false);
        assert_eq!(leaves(&holders), Some(0));
        holders[2] = holder(1, false);
        assert_eq!(leaves(&holders), Some(2), "two are half-sent");
    }
}
