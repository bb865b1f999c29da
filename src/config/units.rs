//! How durations and sizes are written: `30s`, `4MiB`.

use std::time::Duration;

/// Longest duration of most keys: a longer timer is a mistake in the unit.
pub(super) const DURATION_MAX: Duration = Duration::from_secs(24 * 3600);
/// Units of durations, largest first.
pub(super) const DURATION_UNITS: &[(&str, u64)] =
    &[("d", DAY_MILLIS), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];
const DAY_MILLIS: u64 = 24 * 3_600_000;
/// Units of sizes, largest first.
pub(super) const SIZE_UNITS: &[(&str, u64)] = &[("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

/// Reads digits and a unit, such as `30s`, as a count of the smallest unit.
pub(super) fn counted(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (digits, unit) = text.split_at_checked(end)?;
    if digits.is_empty() || (digits.len() > 1 && digits.starts_with('0')) {
        return None;
    }
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    digits.parse::<u64>().ok()?.checked_mul(*factor)
}

/// Writes `count` in the largest unit that leaves no remainder.
fn written(count: u64, units: &[(&str, u64)]) -> String {
    let whole = units.iter().find(|(_, factor)| count.is_multiple_of(*factor) && count >= *factor);
    whole.or(units.last()).map(|(unit, factor)| format!("{}{unit}", count / factor)).unwrap_or_default()
}

/// Writes a duration.
pub(super) fn duration_text(duration: Duration) -> String {
    match u64::try_from(duration.as_millis()) {
        Ok(0) => "0s".to_owned(),
        // One day is written 24h; `d` is for several days.
        Ok(DAY_MILLIS) => "24h".to_owned(),
        Ok(millis) => written(millis, DURATION_UNITS),
        Err(_) => "24h".to_owned(),
    }
}

/// Writes a size.
pub(super) fn size_text(bytes: u64) -> String {
    written(bytes, SIZE_UNITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_have_one_number_and_one_unit() {
        for (text, millis) in [
            ("30s", Some(30_000)),
            ("5m", Some(300_000)),
            ("24h", Some(86_400_000)),
            ("30d", Some(2_592_000_000)),
            ("1d", Some(86_400_000)),
            ("5D", None),
            ("250ms", Some(250)),
            ("0s", Some(0)),
            ("30", None),
            ("1m30s", None),
            ("-1s", None),
            ("1.5s", None),
            ("05s", None),
            ("5 m", None),
            ("5M", None),
            ("", None),
            ("s", None),
            ("99999999999999999999s", None),
            ("18446744073709551615h", None),
        ] {
            assert_eq!(counted(text, DURATION_UNITS), millis, "{text}");
        }
        for (text, bytes) in
            [("64KiB", Some(65_536)), ("4MiB", Some(4 << 20)), ("10B", Some(10)), ("64KB", None), ("64", None)]
        {
            assert_eq!(counted(text, SIZE_UNITS), bytes, "{text}");
        }
        for text in ["1ms", "90s", "5m", "24h", "25h", "30d", "1500ms"] {
            let millis = counted(text, DURATION_UNITS).unwrap();
            assert_eq!(duration_text(Duration::from_millis(millis)), text);
        }
        assert_eq!(size_text(4 << 20), "4MiB");
        assert_eq!(size_text(1025), "1025B");
    }
}
