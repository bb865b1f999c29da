//! Does each entry of `audiences` belong to its server alone, and is it spelt as it was meant?

use std::collections::HashSet;

use crate::config::{
    check::sections::Sections,
    place::Written,
    problem::{quoted, slips},
    reading::{Reading, WrittenFinding},
};

/// Checks the audiences of each server.
pub(super) fn check(reading: &Reading<'_>, sections: &Sections<'_>) {
    tell_servers_apart(reading, sections);
    are_spelt_right(reading, sections);
}

/// With one audience for several servers, a token for one is valid at all of them (SPEC B-15).
fn tell_servers_apart(reading: &Reading<'_>, sections: &Sections<'_>) {
    let Some(public_url) = sections.public_url else { return };
    if sections.servers.len() < 2 {
        return;
    }
    for audience in sections.servers.iter().flat_map(|server| &server.audiences) {
        if audience.value.trim_end_matches('/') == public_url.origin() {
            let found = "the origin of public_url";
            let expected = "an audience of this server alone: a token for the origin would be valid at every server that accepts it";
            reading.warning(&audience.place, found, expected);
        }
    }
    for (index, server) in sections.servers.iter().enumerate() {
        for audience in &server.audiences {
            let is_of = |other: &&Written<Box<str>>| {
                // The origin has a warning of its own.
                audience.value.trim_end_matches('/') != public_url.origin()
                    && audience.value.trim_end_matches('/')
                        == public_url.resource(&other.value).as_str().trim_end_matches('/')
            };
            let others = sections.servers.iter().enumerate().filter(|(other, _)| *other != index);
            if let Some(path) = others.filter_map(|(_, other)| other.path.as_ref()).find(is_of) {
                let found = "the audience of another server";
                let expected = "audiences of this server alone: a token for the other one is valid here as well";
                reading.warn(WrittenFinding::new(&audience.place, found, expected).see(&path.place));
            }
        }
    }
}

/// The resource of a server is always accepted, so that no test shows a slip of typing in an entry
/// that was meant to be it.
fn are_spelt_right(reading: &Reading<'_>, sections: &Sections<'_>) {
    let Some(public_url) = sections.public_url else { return };
    let paths = || sections.servers.iter().filter_map(|server| server.path.as_ref());
    let bare = |text: &str| text.trim_end_matches('/').to_owned();
    let resources: HashSet<String> = paths().map(|path| bare(public_url.resource(&path.value).as_str())).collect();
    for server in sections.servers {
        let Some(path) = &server.path else { continue };
        let resource = public_url.resource(&path.value);
        for audience in &server.audiences {
            if !resources.contains(audience.value.trim_end_matches('/')) && is_slip(&audience.value, resource.as_str())
            {
                let expected = "an audience that tokens have: this is the URL of the server with a slip of typing";
                let found = quoted(&audience.value);
                let finding = WrittenFinding::new(&audience.place, &found, expected);
                reading.warn(finding.near(Some(resource.as_str().to_owned())).see(&path.place));
            }
        }
    }
}

/// Whether `audience` is `resource` with a slip that the audience of no deployment has: another
/// region, scheme, port or path is what `audiences` is for.
fn is_slip(audience: &str, resource: &str) -> bool {
    let (audience, resource) = (audience.trim_end_matches('/'), resource.trim_end_matches('/'));
    let Some((scheme, after)) = resource.split_once("://") else { return false };
    if let Some(written) = audience.strip_suffix(after) {
        let is_scheme = matches!(written, "https://" | "http://");
        return !is_scheme && written.len().abs_diff(scheme.len()) <= 5 && slips(written, &format!("{scheme}://")) == 1;
    }
    let origin = resource.len() - after.len() + after.find('/').unwrap_or(after.len());
    match (audience.split_at_checked(origin), resource.split_at_checked(origin)) {
        (Some((here, path)), Some((there, meant))) => {
            here == there && (is_swapped(path, meant) || is_doubled(path, meant))
        }
        _ => false,
    }
}

/// Whether two neighbouring letters have changed places.
fn is_swapped(text: &str, meant: &str) -> bool {
    let differing: Vec<(usize, (u8, u8))> =
        text.bytes().zip(meant.bytes()).enumerate().filter(|(_, (a, b))| a != b).take(3).collect();
    match differing[..] {
        [(first, (a, b)), (second, (c, d))] => {
            let are_letters = a.is_ascii_alphabetic() && b.is_ascii_alphabetic();
            text.len() == meant.len() && second == first + 1 && are_letters && (a, b) == (d, c)
        }
        _ => false,
    }
}

/// Whether a letter is written twice in place of once, or once in place of twice.
fn is_doubled(text: &str, meant: &str) -> bool {
    let (longer, shorter) = if text.len() > meant.len() { (text, meant) } else { (meant, text) };
    let (longer, shorter) = (longer.as_bytes(), shorter.as_bytes());
    let same = longer.iter().zip(shorter).take_while(|(a, b)| a == b).count();
    let rests = (longer.get(same + 1..), shorter.get(same..));
    let twice = (longer.get(same), same.checked_sub(1).and_then(|before| longer.get(before)));
    longer.len() == shorter.len() + 1
        && matches!(rests, (Some(a), Some(b)) if a == b)
        && matches!(twice, (Some(a), Some(b)) if a == b && a.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_8_check_only_audiences_that_no_deployment_has_are_slips() {
        let resource = "https://mcp-eu.example.com/mcp";
        let slips = [
            "https:/mcp-eu.example.com/mcp",
            "htps://mcp-eu.example.com/mcp",
            "htpps://mcp-eu.example.com/mcp/",
            "https//mcp-eu.example.com/mcp",
            "https;//mcp-eu.example.com/mcp",
            "https://mcp-eu.example.com/mpc",
            "https://mcp-eu.example.com/mccp",
            "https://mcp-eu.example.com/mcpp",
        ];
        for audience in slips {
            assert!(is_slip(audience, resource), "{audience}");
        }
        let right = [
            "https://mcp-us.example.com/mcp",
            "https://mcp.example.com/mcp",
            "http://mcp-eu.example.com/mcp",
            "https://mcp-eu.example.com/mcp2",
            "https://mcp-eu.example.com/sse",
            "https://mcp-eu.example.com/mc",
            "https://mcp-eu.example.com/mcps",
            "https://mcp-eu.example.com/MCP",
            "https://mcp-eu.example.com:8443/mcp",
            "https://mcp-eu.example.com",
            "https://mcp-eu.example.com/mcp",
            "https://mcp-eu.example.com/mcp/",
            "https://mcp-ue.example.com/mcp",
            "api://mcp-eu.example.com/mcp",
            "mcp://mcp-eu.example.com/mcp",
            "mcp-eu.example.com/mcp",
            "api://a",
            "é",
            "",
        ];
        for audience in right {
            assert!(!is_slip(audience, resource), "{audience}");
        }
        assert!(!is_slip("https://a.example/v12/mcp1", "https://a.example/v21/mcp1"), "digits name versions");
        assert!(!is_slip("https://a.example/mcp11", "https://a.example/mcp1"));
        assert!(is_slip("https://a.example/comit", "https://a.example/commit"));
        assert!(!is_slip("ftp://127.0.0.1/mcp", "http://127.0.0.1/mcp"));
    }
}
