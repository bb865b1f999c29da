//! Writes `docs/troubleshooting.md` from the catalogue.

use std::collections::BTreeMap;

use super::{
    GROUPS,
    client::{CLIENTS, LOG},
    known,
    known_fault::{KnownFault, YamlPart},
    reasons::{OUTCOMES, REASONS},
};

/// The text above the index.
const INTRODUCTION: &str = "\
<!-- Generated from src/cli/doctor/catalogue. Do not edit.
     To write it again: UPDATE_DOCS=1 cargo test --locked --test docs troubleshooting -->

# Troubleshooting

For users and operators whose client shows an error. Let the gateway look first:

- `portcullis doctor https://mcp.example.com/weather/mcp` asks what clients ask, of the MCP server at this URL. It works \
with any MCP server.
- `portcullis doctor --config gateway.yaml` looks at what the configuration names: issuers, upstreams, Redis, \
certificates, files and ports.

Each finding has an id, which is a heading of this page. It prints nothing if it finds nothing.

1. [What your client shows](#what-your-client-shows): its words, and the faults that they stand for.
2. [What the audit line says](#what-the-audit-line-says): every `reason`, and what to do.
3. [All faults](#all-faults), in the order in which a client meets them.
";

/// The page.
#[must_use]
pub fn page() -> String {
    let mut out = INTRODUCTION.to_owned();
    index(&mut out);
    audit_lines(&mut out);
    out.push_str("\n## All faults\n\n| | |\n|---|---|\n");
    for group in GROUPS {
        let ids: Vec<String> = group.faults.iter().map(|known| link(known.id)).collect();
        out.push_str(&format!("| {} | {} |\n", group.title, ids.join(", ")));
    }
    for group in GROUPS {
        out.push_str(&format!("\n## {}\n\n{}\n", group.title, group.about));
        group.faults.iter().for_each(|known| fault(known, &mut out));
    }
    out
}

/// The words of each client, each with its faults.
fn index(out: &mut String) {
    out.push_str("\n## What your client shows\n");
    for client in CLIENTS {
        let mut words: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for known in known() {
            for (_, shown) in known.seen.iter().filter(|(of, _)| *of == client) {
                words.entry(shown).or_default().push(link(known.id));
            }
        }
        out.push_str(&format!("\n### {client}\n\n| it shows | it may be |\n|---|---|\n"));
        for (shown, ids) in words {
            out.push_str(&format!("| {} | {} |\n", code(shown), ids.join(", ")));
        }
    }
}

fn audit_lines(out: &mut String) {
    out.push_str(
        "\n## What the audit line says\n\nEach request has one line on the gateway's standard output. A client whose \
         requests have no line did not arrive: see [Reaching the server](#reaching-the-server).\n\n\
         | `reason` | what to do |\n|---|---|\n",
    );
    let row = |(word, what, ids): &(&str, &str, &[&str])| {
        let ids: Vec<String> = ids.iter().map(|id| link(id)).collect();
        let see = if ids.is_empty() { String::new() } else { format!(" See {}.", ids.join(", ")) };
        format!("| `{word}` | {what}{see} |\n")
    };
    out.extend(REASONS.iter().map(row));
    out.push_str("\nA request that was allowed says what the MCP server did, in `upstream`:\n\n| `upstream` | what to do |\n|---|---|\n");
    out.extend(OUTCOMES.iter().map(row));
}

fn fault(known: &KnownFault, out: &mut String) {
    let KnownFault { id, title, seen, cause, fix, yaml } = known;
    out.push_str(&format!("\n### {id}\n\n**{title}.** {cause}\n"));
    let clients: Vec<String> = (seen.iter().filter(|(client, _)| *client != LOG))
        .map(|(client, shown)| format!("- {client}: {}\n", code(shown)))
        .collect();
    if !clients.is_empty() {
        out.push_str(&format!("\nSeen in:\n\n{}", clients.concat()));
    }
    let reasons: Vec<String> =
        seen.iter().filter(|(client, _)| *client == LOG).map(|(_, word)| format!("`{word}`")).collect();
    if !reasons.is_empty() {
        out.push_str(&format!("\nIn the audit line: {}.\n", reasons.join(", ")));
    }
    out.push_str(&format!("\n{fix}\n"));
    if let Some(yaml) = yaml {
        let (part, about, text) = yaml.told();
        out.push_str(&format!("\n{about}:\n\n<!-- part: {part} -->\n```yaml\n{text}\n```\n"));
    }
}

impl YamlPart {
    /// The name of the part for the test of the documents, where it is written, and the lines.
    fn told(&self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Top(text) => ("top", "At the top of `gateway.yaml`", text),
            Self::Server(text) => ("server", "In the server's entry under `servers`", text),
            Self::Upstream(text) => ("upstream", "In `upstream` of the server", text),
            Self::Issuer(text) => ("issuer", "In the issuer's entry under `authorization_servers`", text),
            Self::Embedded(text) => ("embedded", "In `embedded` of the authorization server", text),
        }
    }
}

fn link(id: &str) -> String {
    format!("[{id}](#{id})")
}

/// `text` as code, also if it contains backticks.
fn code(text: &str) -> String {
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}
