//! Reads and writes dates and times: `2027-01-31`, `2027-01-31T12:00:00Z`, and those of HTTP.

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

/// A time since 1970 in UTC, to the second: `2027-01-31T12:00:00Z`.
#[must_use]
pub fn written(wall: Duration) -> String {
    let Civil { year, month, day } = Civil::of_day(wall.as_secs() / DAY_SECS);
    let secs = wall.as_secs() % DAY_SECS;
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", secs / 3600, secs / 60 % 60, secs % 60)
}

/// The time since 1970 that a field of HTTP names (RFC 9110 §5.6.7), in the form that senders must
/// use: `Sun, 31 Jan 2027 12:00:00 GMT`.
#[must_use]
pub fn of_http(text: &str) -> Option<Duration> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let mut words = text.split_once(", ")?.1.split(' ');
    let (day, month, year, time) = (words.next()?, words.next()?, words.next()?, words.next()?);
    let month = MONTHS.iter().position(|name| *name == month)? + 1;
    (words.next()? == "GMT").then(|| end_of(&format!("{year}-{month:02}-{day}T{time}Z")))?
}

/// A day of the Gregorian calendar.
#[derive(Debug, PartialEq, Eq)]
pub struct Civil {
    /// From 1970 on.
    pub year: u64,
    /// From 1 to 12.
    pub month: u64,
    /// From 1 to 31.
    pub day: u64,
}

impl Civil {
    /// The day `days` after 1970-01-01. It is counted in years that begin in March, so that a leap
    /// day is the last day of its year.
    #[must_use]
    pub fn of_day(days: u64) -> Self {
        const DAYS_IN_400_YEARS: u64 = 146_097;
        const FROM_0000_03_01_TO_1970: u64 = 719_468;
        let days = days + FROM_0000_03_01_TO_1970;
        let (era, day) = (days / DAYS_IN_400_YEARS, days % DAYS_IN_400_YEARS);
        let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
        let day = day - (365 * year + year / 4 - year / 100);
        let month = (5 * day + 2) / 153;
        let day = day - (153 * month + 2) / 5 + 1;
        let month = if month < 10 { month + 3 } else { month - 9 };
        Self { year: era * 400 + year + u64::from(month <= 2), month, day }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rfc3339_days_are_the_calendars() {
        for (days, year, month, day) in [
            (0, 1970, 1, 1),
            (58, 1970, 2, 28),
            (59, 1970, 3, 1),
            (10_956, 1999, 12, 31),
            (11_016, 2000, 2, 29),
            (11_017, 2000, 3, 1),
            (19_782, 2024, 2, 29),
            (20_453, 2025, 12, 31),
            (47_540, 2100, 2, 28),
            (47_541, 2100, 3, 1),
        ] {
            assert_eq!(Civil::of_day(days), Civil { year, month, day }, "{days}");
        }
        let at = Duration::from_secs(1_700_000_000);
        assert_eq!(written(at), "2023-11-14T22:13:20Z");
        assert_eq!(of_http("Tue, 14 Nov 2023 22:13:20 GMT"), Some(at));
        for bad in ["", "Tue, 14 Nov 2023 22:13:20", "Tue, 14 Foo 2023 22:13:20 GMT", "2023-11-14T22:13:20Z"] {
            assert_eq!(of_http(bad), None, "{bad}");
        }
    }

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
