//! Finds the end of a run of ordinary bytes, sixteen bytes at a time.

/// Index of the first byte that `stop` matches, or the length.
///
/// To compare whole lanes without an early exit lets the compiler use vector instructions; a body
/// of a megabyte is mostly such runs.
#[inline]
pub(super) fn until(bytes: &[u8], stop: impl Fn(u8) -> bool) -> usize {
    let (lanes, tail) = bytes.as_chunks::<16>();
    let mut at = 0;
    for lane in lanes {
        if lane.iter().fold(false, |any, byte| any | stop(*byte)) {
            return at + first(lane, stop);
        }
        at += lane.len();
    }
    at + first(tail, stop)
}

fn first(bytes: &[u8], stop: impl Fn(u8) -> bool) -> usize {
    bytes.iter().position(|byte| stop(*byte)).unwrap_or(bytes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_at_the_first_stop_wherever_it_lies() {
        for len in 0..70 {
            for at in 0..=len {
                let mut bytes = vec![b'a'; len];
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = b'"';
                }
                if let Some(byte) = bytes.get_mut(at + 3) {
                    *byte = b'"';
                }
                assert_eq!(until(&bytes, |byte| byte == b'"'), at, "{at} of {len}");
            }
        }
    }
}
