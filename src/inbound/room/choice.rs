//! Which idle connections make room: the oldest of the peer that holds the most.

use std::collections::BinaryHeap;

/// An idle connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Idle {
    /// Since when.
    pub(super) since: u64,
    /// Its number.
    pub(super) id: u64,
}

/// The numbers of at most `wanted` of them, given one list per peer. Each is taken from the longest
/// list at that moment, so that all peers are cut down to the same level.
pub(super) fn choose(mut peers: Vec<Vec<Idle>>, wanted: usize) -> Vec<u64> {
    for idle in &mut peers {
        // The oldest last, where it is taken from.
        idle.sort_unstable_by(|one, other| other.cmp(one));
    }
    let mut longest: BinaryHeap<(usize, Vec<Idle>)> =
        peers.into_iter().filter(|idle| !idle.is_empty()).map(|idle| (idle.len(), idle)).collect();
    let mut chosen = Vec::new();
    while chosen.len() < wanted
        && let Some((_, mut idle)) = longest.pop()
    {
        chosen.extend(idle.pop().map(|oldest| oldest.id));
        if !idle.is_empty() {
            longest.push((idle.len(), idle));
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(connections: &[(u64, u64)]) -> Vec<Idle> {
        connections.iter().map(|(since, id)| Idle { since: *since, id: *id }).collect()
    }

    #[test]
    fn attack_174_the_largest_holder_of_idle_connections_makes_room_oldest_first() {
        let many = peer(&[(5, 1), (3, 2), (9, 3), (4, 4)]);
        let few = peer(&[(1, 10), (2, 11)]);
        for (wanted, expected) in [
            (0, vec![]),
            (1, vec![2]),
            (2, vec![2, 4]),
            (3, vec![2, 4]),
            (6, vec![2, 4, 1, 3, 10, 11]),
            (9, vec![2, 4, 1, 3, 10, 11]),
        ] {
            let chosen = choose(vec![few.clone(), many.clone()], wanted);
            assert!(chosen.starts_with(&expected[..expected.len().min(2)]), "{wanted}: {chosen:?}");
            assert_eq!(chosen.len(), wanted.min(6), "{wanted}: {chosen:?}");
            let of_few = chosen.iter().filter(|id| **id >= 10).count();
            let of_many = chosen.len() - of_few;
            assert!(2 - of_few >= (4 - of_many).min(1) || 2 - of_few + 1 >= 4 - of_many, "{wanted}: {chosen:?}");
        }
        assert_eq!(choose(vec![], 3), [0; 0]);
        assert_eq!(choose(vec![vec![], peer(&[(1, 7)])], 3), [7]);
    }

    #[test]
    fn attack_174_peers_are_cut_down_to_one_level() {
        let peers: Vec<Vec<Idle>> = [10_u64, 7, 3]
            .iter()
            .map(|count| (0..*count).map(|n| Idle { since: n, id: count * 100 + n }).collect())
            .collect();
        let chosen = choose(peers, 11);
        let left = |count: u64| count as usize - chosen.iter().filter(|id| **id / 100 == count).count();
        assert_eq!((left(10), left(7), left(3)), (3, 3, 3));
    }
}
