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

/// Other names of units, in lower case.
const OTHER_NAMES: &[(&str, &str)] = &[
    ("", "s"),
    ("sec", "s"),
    ("secs", "s"),
    ("second", "s"),
    ("seconds", "s"),
    ("min", "m"),
    ("mins", "m"),
    ("minute", "m"),
    ("minutes", "m"),
    ("hr", "h"),
    ("hour", "h"),
    ("hours", "h"),
    ("day", "d"),
    ("days", "d"),
    ("msec", "ms"),
    ("", "B"),
    ("byte", "B"),
    ("bytes", "B"),
    ("k", "KiB"),
    ("kb", "KiB"),
    ("m", "MiB"),
    ("mb", "MiB"),
    ("g", "GiB"),
    ("gb", "GiB"),
];

/// What `text`, a number with another unit or without one, probably means: `10 MB` is `10MiB`.
pub(super) fn meant(text: &str, units: &[(&str, u64)], is_good: impl Fn(u64) -> bool) -> Option<String> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, unit) = text.split_at_checked(end)?;
    let unit = unit.trim().to_lowercase();
    let known = |name: &&str| units.iter().any(|(known, _)| known == name);
    let same = units.iter().map(|(name, _)| *name).find(|name| name.to_lowercase() == unit);
    let other = || OTHER_NAMES.iter().filter(|(name, _)| **name == *unit).map(|(_, name)| *name).find(known);
    let meant = format!("{digits}{}", same.or_else(other)?);
    counted(&meant, units).filter(|count| is_good(*count) && meant != text).map(|_| meant)
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
        for (text, units, expected) in [
            ("30", DURATION_UNITS, Some("30s")),
            ("30 seconds", DURATION_UNITS, Some("30s")),
            ("1min", DURATION_UNITS, Some("1m")),
            ("2 Hours", DURATION_UNITS, Some("2h")),
            ("5M", DURATION_UNITS, Some("5m")),
            ("10MB", SIZE_UNITS, Some("10MiB")),
            ("10m", SIZE_UNITS, Some("10MiB")),
            ("64 kib", SIZE_UNITS, Some("64KiB")),
            ("1000000", SIZE_UNITS, Some("1000000B")),
            ("0", SIZE_UNITS, None),
            ("30s", DURATION_UNITS, None),
            ("1.5m", DURATION_UNITS, None),
            ("soon", DURATION_UNITS, None),
            ("10 parsecs", DURATION_UNITS, None),
        ] {
            assert_eq!(meant(text, units, |count| count > 0).as_deref(), expected, "{text}");
        }
        assert_eq!(size_text(4 << 20), "4MiB");
        assert_eq!(size_text(1025), "1025B");
    }
}
