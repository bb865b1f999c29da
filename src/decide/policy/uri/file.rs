//! Finds the files that a `file:` URI can name, on POSIX and on Windows.

use super::{
    parts::{before, collapsed, without_dots},
    reading::{How, UriReading, add},
};

/// Adds the files that `text` names: with its query and fragment as parts of the path, and without
/// them.
pub(super) fn spread(text: &str, all: &mut Vec<UriReading<'_>>) {
    let (_, whole) = text.split_once(':').unwrap_or_default();
    let short = before(whole, &['?', '#']);
    for rest in [short, whole].into_iter().take(if short == whole { 1 } else { 2 }) {
        posix(rest, all);
        windows(&rest.replace('\\', "/"), all);
    }
}

/// The authority, and the path with its slash.
fn split(rest: &str) -> (&str, &str) {
    let Some(after) = rest.strip_prefix("//") else { return ("", rest) };
    let authority = before(after, &['/']);
    (authority, after.strip_prefix(authority).unwrap_or_default())
}

/// The path as a file system resolves it.
fn resolved(path: &str) -> String {
    without_dots(&collapsed(&format!("/{path}")))
}

fn posix(rest: &str, all: &mut Vec<UriReading<'_>>) {
    let (host, path) = split(rest);
    add_path(all, "", &resolved(path), How::Posix);
    let name = host.rsplit('@').next().unwrap_or_default().to_lowercase();
    if !name.is_empty() && name != "localhost" {
        add_path(all, &name, &resolved(path), How::Posix);
        // Some servers remove `file://` and open the rest.
        add_path(all, "", &resolved(&format!("{host}{path}")), How::Posix);
    }
}

fn windows(rest: &str, all: &mut Vec<UriReading<'_>>) {
    let (host, path) = split(rest);
    let name = host.rsplit('@').next().unwrap_or_default().to_lowercase();
    if drive(host).is_some() {
        return on_drive(&format!("/{host}{path}"), all);
    }
    let is_here = name.is_empty() || name == "localhost";
    // Two more slashes, or a device path, name a host: `file:////host/share` is `\\host\share`.
    let unc = path.strip_prefix("//").map(|unc| unc.trim_start_matches('/')).filter(|_| is_here);
    let unc = unc.map(|unc| unc.strip_prefix("?/").or_else(|| unc.strip_prefix("./")).unwrap_or(unc));
    match unc {
        Some(unc) if drive(before(unc, &['/'])).is_none() => {
            let unc = strip_word(unc, "unc/").unwrap_or(unc);
            let host = before(unc, &['/']);
            on_host(&host.to_lowercase(), unc.strip_prefix(host).unwrap_or_default(), all);
        }
        Some(unc) => on_drive(&format!("/{unc}"), all),
        None if !is_here => on_host(&name, path, all),
        None if !name.is_empty() => administrative(path, all),
        None => {}
    }
    on_drive(path, all);
}

fn strip_word<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    let (front, rest) = text.split_at_checked(word.len())?;
    front.eq_ignore_ascii_case(word).then_some(rest)
}

/// Adds a path of this machine.
fn on_drive(path: &str, all: &mut Vec<UriReading<'_>>) {
    let path = resolved(path);
    let inner = path.strip_prefix('/').unwrap_or(&path);
    let Some((letter, rest)) = drive(inner) else {
        add_path(all, "", &trimmed(&path), How::Windows);
        return;
    };
    add_path(all, "", &trimmed(&resolved(&format!("{letter}:/{rest}"))), How::Windows);
}

/// Adds a path of another host, which may be this machine under another name.
fn on_host(host: &str, path: &str, all: &mut Vec<UriReading<'_>>) {
    add_path(all, host, &trimmed(&resolved(path)), How::Windows);
    administrative(path, all);
}

/// Adds the drive of an administrative share: `\\localhost\c$`.
fn administrative(path: &str, all: &mut Vec<UriReading<'_>>) {
    let path = resolved(path);
    let share = before(path.strip_prefix('/').unwrap_or_default(), &['/']);
    if let [letter, b'$'] = share.as_bytes()
        && letter.is_ascii_alphabetic()
    {
        let rest = path.get(3..).unwrap_or_default();
        add_path(all, "", &trimmed(&format!("/{}:{rest}", char::from(*letter))), How::Windows);
    }
}

/// The letter of a drive at the start of `path`, and what follows it: `c:`, `c|`.
pub(super) fn drive(path: &str) -> Option<(char, &str)> {
    let letter = path.chars().next().filter(char::is_ascii_alphabetic)?;
    let rest = path.get(1..)?.strip_prefix([':', '|'])?;
    Some((letter, rest))
}

/// Windows drops blanks and dots at the end of a name, and names the data of a file `file::$DATA`.
fn trimmed(path: &str) -> String {
    fn trim(segment: &str) -> &str {
        let name = segment.split_once(":$").map_or(segment, |(name, _)| name.trim_end_matches(':'));
        let short = name.trim_end_matches(['.', ' ']);
        if short.is_empty() { segment } else { short }
    }
    path.split('/').map(trim).collect::<Vec<_>>().join("/")
}

fn add_path(all: &mut Vec<UriReading<'_>>, host: &str, path: &str, how: How) {
    // Most file systems open `x` for `x/`.
    let bare = path.strip_suffix('/').filter(|bare| !bare.is_empty());
    if let Some(bare) = bare {
        add(all, format!("file://{host}{bare}"), How::Possible);
    }
    add(all, format!("file://{host}{path}"), how);
}
