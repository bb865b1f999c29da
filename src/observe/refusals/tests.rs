//! Writes docs/refusals.md from the tables of refusals, or fails if the page says something else.

use std::{fmt::Write as _, fs, path::Path};

use crate::{
    base::names::{Issuer, Resource},
    decide::{
        refusal::{Refusal, row::Sentence, testing::every_row, told::Told, words::Attention},
        token::{
            refused::TokenExpectation,
            rules::TokenRules,
            testing::{now, rules},
        },
    },
};

const HEAD: &str = "<!-- Generated from src/decide/refusal. Do not edit.
     To write it again: UPDATE_DOCS=1 cargo test --locked --lib page_of_refusals -->

# Refusals

For operators: every `reason` of a refusal, what the client reads, what the log says, and what to do. To find a fault from what a client shows,
begin with [troubleshooting](troubleshooting.md); [what clients get](answers.md) is ordered by the situation.

Where a refusal is told:

- **The audit line** has `reason`, and `found` and `expected` where they are known: method and target, the path without its query, the host, the
  origin, the claim, the limit.
- **The log** has the same words with `advice`: the first refusal of a kind and server at once, then one a minute, with the number that was
  `left_out`. `warn` means that an operator should act. `info` may explain what a user sees, and any client can cause it. A `debug` line is normal:
  at `log.level: debug` each refusal has a line, at most ten a second of each kind.
- **`portcullis explain --token-file`** says the same of a token as the log does.
- **Metrics**: `portcullis_requests_total` has the reason as `outcome`. An allowed request that failed at the MCP server, or got an error from it,
  is `upstream_error` there, except a 4xx of a path beside the MCP endpoint; `upstream` says which, and `upstream_status` of the audit line has its status.
  [Operations](operations.md#metrics) says which of these to alert on.

Refusals of a sign-in at an embedded authorization server have lines of their own: `event`, `outcome`, `client`, `found`, and where they are
known `expected` and `advice`.

None of them has a token, a value of a query, a user of a URI, or the value of a claim that could be about a person. Of the URI of a resource, the
names of its parameters are shown: `https://drive.example/x?token=…`. Of `iss`, only a URL without its query is shown. A part of a path that could be
a key, an id or an address is cut: `/reset/123e4567…`. Only `target` of the audit line has the path of a resource and a path beside the MCP endpoint
as it came, with JWTs cut: `/reset/eyJ…`.

| `reason` | status | the client reads | the log says | what to do |
|---|---|---|---|---|
";

/// A sentence for the client, with `…` for what differs.
fn client(sentence: Sentence<'_>) -> String {
    match sentence {
        Sentence::Whole(all) => all.to_owned(),
        Sentence::Detail(start, _) | Sentence::Named(start, _) => format!("{start}…"),
        Sentence::Token(start, words) => format!("{start}{words}"),
        Sentence::Seconds(start, _) => format!("{start}… s"),
        Sentence::Bytes(start, _, end) => format!("{start}…{end}"),
        Sentence::Between(start, _, middle, _) => format!("{start}…{middle}…"),
        Sentence::Origin(start, _, middle, end) => format!("{start}…{middle}…{end}"),
        Sentence::Asked(before, after, detail) => {
            format!("{before}…{after}{}", if detail.is_empty() { "" } else { "…" })
        }
        Sentence::SignIn(_) => "… needs an access token with scope …: send it as Authorization: Bearer".to_owned(),
        Sentence::Needs(_) => "… needs scope …; the token has …".to_owned(),
    }
}

/// The words for the operator; of a token as if its issuer had signed it, where that is known.
fn operator(refusal: &Refusal) -> Told {
    // No vendor is recognised by this issuer: the page is for the readers of all.
    let rules = TokenRules { issuers: vec![Issuer::from("https://login.example.com")], ..rules() };
    let resource = Resource::from("https://gw.example/mcp");
    let expected =
        TokenExpectation { rules: vec![&rules], resource: &resource, audiences: &[], bytes_max: 32 * 1024, miss: None };
    refusal.told_of_token("e30.e30.", &expected, now()).unwrap_or_else(|| Told::of(refusal))
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    let mut rows = every_row();
    rows.retain(|refusal| *refusal != Refusal::BodyAborted);
    rows.sort_by_key(|refusal| (refusal.row().status.as_u16(), refusal.row().reason));
    for refusal in &rows {
        let (row, told) = (refusal.row(), operator(refusal));
        let level = match told.attention {
            Attention::Fault => "error",
            Attention::Act => "warn",
            Attention::Look => "info",
            Attention::Story => "debug",
        };
        let cells = [client(row.sentence), format!("{level}: {}", told.what), told.advice.to_string()];
        let cells = cells.map(|cell| cell.replace('|', "/").replace("<", "&lt;"));
        // Writing to a string cannot fail.
        let _ = writeln!(page, "| `{}` | {} | {} |", row.reason, row.status.as_u16(), cells.join(" | "));
    }
    page
}

#[test]
fn first_9_the_page_of_refusals_says_what_the_tables_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/refusals.md");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(&path, page()).unwrap();
    }
    let command = "UPDATE_DOCS=1 cargo test --locked --lib page_of_refusals";
    assert_eq!(fs::read_to_string(&path).unwrap_or_default(), page(), "write it again: {command}");
}

#[test]
fn first_9_every_line_that_asks_for_attention_says_what_to_do() {
    for refusal in every_row() {
        let told = operator(&refusal);
        let is_asked = matches!(told.attention, Attention::Act | Attention::Fault);
        assert!(!is_asked || !told.advice.is_empty(), "{refusal:?}");
        assert!(!told.what.is_empty() && !told.what.ends_with('.') && !told.advice.ends_with('.'), "{told:?}");
    }
}
