//! Chooses the idle connections that make room: the oldest of the peer with the most seats.

use std::collections::BinaryHeap;

/// An idle connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct IdleConnection {
    /// When it became idle.
    pub(super) since: u64,
    /// Its number.
    pub(super) id: u64,
}

/// The seats of one peer. The peer that makes room first is the largest in this order.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Holder {
    /// All its connections, busy or idle.
    pub(super) seats: usize,
    /// Whether the new connection belongs to this peer.
    pub(super) is_newcomers: bool,
    /// Its idle connections.
    pub(super) idle: Vec<IdleConnection>,
}

/// Which connections of other peers a new connection may displace.
#[derive(Clone, Copy, Debug)]
pub(super) struct DisplacementRule {
    /// Connections of a peer with more seats than this, which is the number of its own peer;
    pub(super) more_than: usize,
    /// and connections of any peer that became idle then or earlier.
    pub(super) old_since: u64,
}

impl Holder {
    /// Takes the oldest idle connection, if it may make room.
    fn leaves(&mut self, rule: DisplacementRule) -> Option<IdleConnection> {
        let may_leave = |oldest: &IdleConnection| {
            self.is_newcomers || self.seats > rule.more_than || oldest.since <= rule.old_since
        };
        let oldest = self.idle.last().copied().filter(may_leave)?;
        self.idle.pop();
        self.seats -= 1;
        Some(oldest)
    }
}

/// Chooses at most `wanted` connections, and returns their numbers. Each is taken from the peer
/// that then has the most seats, so that the largest peers shrink to the same size.
pub(super) fn choose(mut peers: Vec<Holder>, wanted: usize, rule: DisplacementRule) -> Vec<u64> {
    for holder in &mut peers {
        // The oldest comes last, because connections are taken from the end.
        holder.idle.sort_unstable_by(|one, other| other.cmp(one));
    }
    let mut largest: BinaryHeap<Holder> = peers.into();
    let mut chosen = Vec::new();
    while chosen.len() < wanted
        && let Some(mut holder) = largest.pop()
    {
        if let Some(oldest) = holder.leaves(rule) {
            chosen.push(oldest.id);
            largest.push(holder);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Without a new connection, every idle connection may be displaced.
    const ANY: DisplacementRule = DisplacementRule { more_than: 0, old_since: 0 };

    fn holder(active: usize, connections: &[(u64, u64)]) -> Holder {
        let idle: Vec<IdleConnection> =
            connections.iter().map(|(since, id)| IdleConnection { since: *since, id: *id }).collect();
        Holder { seats: active + idle.len(), is_newcomers: false, idle }
    }

    #[test]
    fn attack_174_the_largest_holder_makes_room_oldest_first() {
        let many = holder(0, &[(5, 1), (3, 2), (9, 3), (4, 4)]);
        let few = holder(0, &[(1, 10), (2, 11)]);
        for (wanted, expected) in [(0, vec![]), (1, vec![2]), (2, vec![2, 4])] {
            assert_eq!(choose(vec![few.clone(), many.clone()], wanted, ANY), expected);
        }
        let mut all = choose(vec![few, many], 9, ANY);
        all.sort_unstable();
        assert_eq!(all, [1, 2, 3, 4, 10, 11]);
        assert_eq!(choose(vec![], 3, ANY), [0; 0]);
        assert_eq!(choose(vec![holder(9, &[]), holder(0, &[(1, 7)])], 3, ANY), [7]);
    }

    #[test]
    fn attack_174_connections_at_work_count_for_who_is_the_largest() {
        let at_work = holder(12, &[(9, 1), (8, 2)]);
        let idle = holder(0, &[(1, 10), (2, 11), (3, 12), (4, 13)]);
        assert_eq!(choose(vec![idle, at_work], 3, ANY), [2, 1, 10]);
    }

    #[test]
    fn attack_174_peers_are_cut_down_to_one_level() {
        let peers: Vec<Holder> = [10_u64, 7, 3]
            .iter()
            .map(|count| holder(0, &(0..*count).map(|n| (n, count * 100 + n)).collect::<Vec<_>>()))
            .collect();
        let chosen = choose(peers, 11, ANY);
        let left = |count: u64| count as usize - chosen.iter().filter(|id| **id / 100 == count).count();
        assert_eq!((left(10), left(7), left(3)), (3, 3, 3));
    }

    #[test]
    fn attack_174_a_young_connection_does_not_leave_for_a_larger_peer() {
        let rule = |more_than| DisplacementRule { more_than, old_since: 100 };
        let attacker = Holder { is_newcomers: true, ..holder(17, &[]) };
        let young = holder(0, &[(150, 1)]);
        assert_eq!(choose(vec![attacker.clone(), young.clone()], 3, rule(17)), [0; 0], "it waits");
        let own = Holder { is_newcomers: true, ..holder(16, &[(160, 9)]) };
        assert_eq!(choose(vec![own, young.clone()], 3, rule(17)), [9], "its own makes room");
        let old = holder(0, &[(100, 1), (150, 2)]);
        assert_eq!(choose(vec![attacker, old], 3, rule(17)), [1], "one that has been idle for a while");
        // A peer with more seats loses those above the limit.
        let larger = holder(2, &[(150, 1), (160, 2), (170, 3)]);
        assert_eq!(choose(vec![larger, young], 9, rule(3)), [1, 2]);
        assert_eq!(choose(vec![holder(0, &[(150, 4)])], 9, rule(0)), [4], "the first of its peer displaces any");
    }
}
