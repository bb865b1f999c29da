//! Reads dates and times as configuration files write them: `2027-01-31`, `2027-01-31T12:00:00Z`.

use std::time::Duration;

const DAY_SECS: u64 = 24 * 3600;

/// The end of what `text` names, as time since 1970: of the day, or the second itself. All is UTC.
#[must_use]
pub fn end_of(text: &str) -> Option<Duration> {
    let (date, time) = match text.split_once('T') {
        Some((date, time)) => (date, Some(time.strip_suffix('Z')?)),
        None => (text, None),
    };
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=days_of(year, month)).contains(&day) {
        return None;
    }
    let days = (1970..year).map(days_of_year).sum::<u64>() + (1..month).map(|month| days_of(year, month)).sum::<u64>();
    let start = (days + day - 1) * DAY_SECS;
    let Some(time) = time else { return Some(Duration::from_secs(start + DAY_SECS)) };
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let is_time = hour < 24 && minute < 60 && second < 60;
    is_time.then(|| Duration::from_secs(start + hour * 3600 + minute * 60 + second))
}

/// Three numbers of these many digits, with `between` between them.
fn numbers(text: &str, between: char, digits: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(between);
    let mut read = [0; 3];
    for (number, digits) in read.iter_mut().zip(digits) {
        let part = parts.next()?;
        if part.len() != digits || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(read)
}

fn days_of(year: u64, month: u64) -> u64 {
    match month {
        2 if days_of_year(year) == 366 => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

fn days_of_year(year: u64) -> u64 {
    let is_leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    if is_leap { 366 } else { 365 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_ends_with_its_day_and_a_time_is_itself() {
        // date -u -d 2027-02-01 +%s
        for (text, secs) in [
            ("1970-01-01", Some(86_400)),
            ("2027-01-31", Some(1_801_440_000)),
            ("2027-01-31T12:00:00Z", Some(1_801_396_800)),
            ("2024-02-29T00:00:00Z", Some(1_709_164_800)),
            ("2000-02-29", Some(951_868_800)),
            ("2023-02-29", None),
            ("2100-02-29", None),
            ("2027-13-01", None),
            ("2027-00-01", None),
            ("2027-01-00", None),
            ("2027-01-32", None),
            ("2027-1-31", None),
            ("27-01-31", None),
            ("2027-01-31T24:00:00Z", None),
            ("2027-01-31T12:00:00", None),
            ("2027-01-31T12:00:00+01:00", None),
            ("2027-01-31 12:00:00Z", None),
            ("2027-01-31-01", None),
            ("1969-12-31", None),
            ("", None),
        ] {
            assert_eq!(end_of(text), secs.map(Duration::from_secs), "{text}");
        }
    }
}
