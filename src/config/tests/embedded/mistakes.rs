//! One mistake, one line, in `embedded:` and in the file of accounts.

use super::{ACCOUNTS, HASH, WHOLE, folder, with};

/// A small file: each test replaces `BODY`, and `TOP` at the end.
const SMALL: &str = "\
public_url: https://mcp.example.com
listen: [{address: \"127.0.0.1:8080\"}]
authorization_servers:
  own:
    embedded:
      path: /oauth
      login: {accounts: accounts.yaml}
      grants: [{scopes: [\"*\"]}]
      store: {memory: true}
servers:
  one: {path: /mcp, upstream: {url: \"http://127.0.0.1:8000/mcp\"}, access: authenticated}
trusted_proxies: [127.0.0.1]
";
const GRANTS: &str = "      grants: [{scopes: [\"*\"]}]\n";
const LOGIN: &str = "login: {accounts: accounts.yaml}";
const AT: &str = "authorization_servers.own.embedded";

fn told(text: &str) -> Vec<String> {
    let folder = folder(ACCOUNTS);
    let refused = with(text, folder.path()).expect_err(text).to_string();
    assert!(!refused.contains("hunter2"), "a secret in {refused}");
    refused.replace(&format!("{}/", folder.path().display()), "").lines().map(str::to_owned).collect()
}

fn warned(text: &str) -> Vec<String> {
    let folder = folder(ACCOUNTS);
    let loaded = with(text, folder.path()).unwrap_or_else(|problems| panic!("{problems}"));
    let all = loaded.warnings.iter().map(ToString::to_string);
    all.filter(|line| !line.contains("neither `registration` nor `clients`")).collect()
}

#[test]
fn each_mistake_of_an_embedded_authorization_server_has_its_line() {
    let under =
        |lines: &str| format!("{GRANTS}{}", lines.lines().map(|line| format!("      {line}\n")).collect::<String>());
    let client = |client: &str| under(&format!("clients: [{client}]"));
    let grant = |grant: &str| format!("      grants: [{grant}]\n");
    let mut failed = String::new();
    for (from, to, expected) in [
        (
            "path: /oauth",
            "path: /".to_owned(),
            "6:13 §.path: found \"/\"; expected a path such as /oauth: below /, of letters, digits and -._~@:+, without a slash at its end, outside /.well-known/",
        ),
        (
            "path: /oauth",
            "path: /oauth/".to_owned(),
            "6:13 §.path: found \"/oauth/\"; expected a path such as /oauth: below /, of letters, digits and -._~@:+, without a slash at its end, outside /.well-known/",
        ),
        (
            "path: /oauth",
            "path: /mcp".to_owned(),
            "11:15 servers.one.path: found a path of §; expected each path once; see gateway.yaml:6:13 authorization_servers.own.embedded.path",
        ),
        (
            "path: /mcp",
            "path: /oauth/token".to_owned(),
            "11:15 servers.one.path: found a path of §; expected each path once; see gateway.yaml:6:13 authorization_servers.own.embedded.path",
        ),
        (
            "path: /oauth",
            "pth: /oauth".to_owned(),
            "6:7 §.path: found nothing; expected the authorization server's public path, such as /oauth\n6:7 §.pth: found an unknown key; expected path, login, registration, clients, grants, access_token_ttl, refresh_token_ttl, refresh_grace, step_up, token_claims, scope_descriptions or store; did you mean \"path\"?",
        ),
        (
            "    embedded:\n",
            "    issuer: https://login.example.com\n    embedded:\n".to_owned(),
            "5:13 authorization_servers.own.issuer: found a key of an external authorization server; expected `embedded` alone: its issuer is public_url and its path, and the format of its tokens is fixed",
        ),
        (
            LOGIN,
            "login: {}".into(),
            "7:14 §.login: found none of them; expected exactly one of accounts, oidc, github, demo_account",
        ),
        (
            LOGIN,
            "login: {accounts: missing.yaml}".to_owned(),
            "7:25 §.login.accounts: found missing.yaml, which cannot be read (No such file or directory (os error 2)); expected a file that can be read",
        ),
        (
            LOGIN,
            "login: {oidc: {issuer: \"http://login.example.com\", client_id: a, client_secret: hunter2}}".to_owned(),
            "7:30 §.login.oidc.issuer: found \"http://login.example.com\"; expected an https:// URL; http:// is for a loopback host, or needs `allow_http: true` (dangerous)\n7:87 §.login.oidc.client_secret: found a value that is not a reference (not shown); expected a reference to a secret, which does not belong into this file: env:NAME or file:PATH",
        ),
        (
            GRANTS,
            "      grants: []\n".to_owned(),
            "8:15 §.grants: found an empty list; expected a non-empty list of grants: without one, no scope is granted",
        ),
        (
            GRANTS,
            String::new(),
            "6:7 §.grants: found nothing; expected who may be granted which scopes: a scope that no entry names is never granted",
        ),
        (
            GRANTS,
            grant("{accounts: [], scopes: [a]}"),
            "8:27 §.grants[0].accounts: found an empty list; expected a non-empty list of names of accounts",
        ),
        (
            GRANTS,
            grant("{accounts: [ada]}"),
            "8:16 §.grants[0].scopes: found nothing; expected a non-empty list of scopes or patterns of scopes",
        ),
        (
            GRANTS,
            grant("{claims: {a: b}, scopes: [a]}"),
            "8:25 §.grants[0].claims: found a map; expected `accounts` or `groups`: local accounts have no claims",
        ),
        (
            GRANTS,
            grant("{clients: [x], accounts: [ada], scopes: [a]}"),
            "8:26 §.grants[0].clients: found a list; expected an entry of its own: a client that acts for itself has no user\n8:27 §.grants[0].clients[0]: found \"x\"; expected the id of a client under `clients`",
        ),
        (
            GRANTS,
            grant("{scopes: [\"a b\"]}"),
            "8:26 §.grants[0].scopes[0]: found \"a b\"; expected a scope or a pattern of scopes: no spaces, quotes or backslashes",
        ),
        (
            GRANTS,
            under("registration: {dynamic: token}"),
            "9:21 §.registration: found dynamic: token without a token; expected `token`: a reference to the token that a registration must present, env:NAME or file:PATH",
        ),
        (
            GRANTS,
            under("registration: {dynamic: open, token: env:SESSION_KEY}"),
            "9:44 §.registration.token: found a token that is not used; expected `dynamic: token` beside it",
        ),
        (
            GRANTS,
            under("registration: {dynamic: token, token: env:SHORT}"),
            "9:45 §.registration.token: found env:SHORT, which has 7 bytes; expected at least 32 random bytes",
        ),
        (
            GRANTS,
            under("registration: {dynamic: closed}"),
            "9:31 §.registration.dynamic: found \"closed\"; expected open, token or off",
        ),
        (
            GRANTS,
            under("registration: {client_id_documents: {hosts: [\"*.com\", \"https://a.example\"]}}"),
            "9:52 §.registration.client_id_documents.hosts[0]: found \"*.com\"; expected a host in lower case: client.example.com, *.example.com, or * for any\n9:61 §.registration.client_id_documents.hosts[1]: found \"https://a.example\"; expected a host in lower case: client.example.com, *.example.com, or * for any",
        ),
        (
            GRANTS,
            client("{id: a}"),
            "9:17 §.clients[0]: found client_credentials without authentication; expected `secret`, `jwks` or `jwks_uri` of the client",
        ),
        (
            GRANTS,
            client("{id: \"https://a/\", secret: env:SESSION_KEY}"),
            "9:22 §.clients[0].id: found \"https://a/\"; expected an id of at most 128 letters, digits and -._~, not one that begins with dyn_",
        ),
        (
            GRANTS,
            client("{id: dyn_x, secret: env:SESSION_KEY}"),
            "9:22 §.clients[0].id: found \"dyn_x\"; expected an id of at most 128 letters, digits and -._~, not one that begins with dyn_",
        ),
        (
            GRANTS,
            client("{id: a, secret: env:SESSION_KEY}, {id: a, secret: env:SESSION_KEY}"),
            "9:56 §.clients[1].id: found \"a\" a second time; expected each id once; see gateway.yaml:9:22 authorization_servers.own.embedded.clients[0].id",
        ),
        (
            GRANTS,
            client("{id: a, secret: env:SHORT}"),
            "9:33 §.clients[0].secret: found env:SHORT, which has 7 bytes; expected at least 32 random bytes",
        ),
        (
            GRANTS,
            client("{id: a, secret: env:SESSION_KEY, jwks: keys.json}"),
            "9:17 §.clients[0]: found secret and jwks; expected one of secret, jwks, jwks_uri, or none of them for a public client",
        ),
        (
            GRANTS,
            client("{id: a, jwks: empty.json}"),
            "9:31 §.clients[0].jwks: found \"empty.json\"; expected a file with a key set that has a usable key (it has no key that can verify a token)",
        ),
        (
            GRANTS,
            client("{id: a, jwks_uri: \"http://a.example/keys\"}"),
            "9:35 §.clients[0].jwks_uri: found \"http://a.example/keys\"; expected an https:// URL of a key set",
        ),
        (
            GRANTS,
            client("{id: a, redirect_uris: [\"https://a/cb\"], grant_types: [refresh_token]}"),
            "9:71 §.clients[0].grant_types: found `redirect_uris` without authorization_code; expected authorization_code among the grant_types\n9:71 §.clients[0].grant_types: found refresh_token without authorization_code; expected authorization_code: only its tokens can be refreshed",
        ),
        (
            GRANTS,
            client("{id: a, secret: env:SESSION_KEY, grant_types: [implicit]}"),
            "9:64 §.clients[0].grant_types[0]: found \"implicit\"; expected authorization_code, refresh_token or client_credentials",
        ),
        (
            GRANTS,
            client("{id: user-1, secret: env:SESSION_KEY}"),
            "6:7 §: found \"user-1\" as a client's id and as an account's subject; expected another `subject` for the account, or another id for the client",
        ),
        (
            GRANTS,
            under("access_token_ttl: 25h"),
            "9:25 §.access_token_ttl: found \"25h\"; expected a duration such as 30s, 5m or 24h, from 1m to 24h",
        ),
        (
            GRANTS,
            under("refresh_token_ttl: 500d"),
            "9:26 §.refresh_token_ttl: found \"500d\"; expected a duration such as 30s, 5m or 30d, from 1m to 365d",
        ),
        (
            GRANTS,
            under("refresh_grace: 10m"),
            "9:22 §.refresh_grace: found \"10m\"; expected a duration such as 30s, 5m or 24h, from 0s to 5m",
        ),
        (
            GRANTS,
            under("token_claims: [sub]"),
            "9:22 §.token_claims[0]: found \"sub\"; expected a claim about the user: this name has its own meaning in tokens",
        ),
        (
            GRANTS,
            under("scope_descriptions: {\"a b\": x, c: \"\"}"),
            "9:28 §.scope_descriptions.\"a b\": found a key that is not a scope; expected one scope: no spaces, quotes or backslashes\n9:41 §.scope_descriptions.c: found empty text; expected what the scope permits, in words for the consent page",
        ),
        (
            "{memory: true}",
            "{file: as.db}".to_owned(),
            "9:21 §.store.file: found a store without `session_keys`; expected `session_keys` at the top level: they encrypt what the store keeps secret",
        ),
        (
            "{memory: true}",
            "{memory: false}".to_owned(),
            "9:23 §.store.memory: found false; expected memory: true, or a `file` or `redis` in its place",
        ),
        (
            "{memory: true}",
            "{redis: \"redis://:hunter2@redis/\"}".to_owned(),
            "9:22 §.store.redis: found a URL with a credential in it (not shown); expected a URL without user name and password, or a reference to one with them: env:NAME or file:PATH",
        ),
        (
            "{memory: true}",
            "{redis: env:SHORT}".to_owned(),
            "9:22 §.store.redis: found env:SHORT, which holds something else; expected a URL that begins with redis:// or, with TLS, rediss://",
        ),
        (
            "{memory: true}",
            "{redis: \"redis://\"}".to_owned(),
            "9:22 §.store.redis: found \"redis://\"; expected a URL such as redis://redis.internal:6379/0",
        ),
    ] {
        assert!(SMALL.contains(from), "{from}");
        let expected: Vec<String> =
            expected.replace('§', AT).lines().map(|line| format!("gateway.yaml:{line}")).collect();
        let found = told(&SMALL.replacen(from, &to, 1));
        if found != expected {
            failed += &format!("{to:?}\n  found    {found:#?}\n  expected {expected:#?}\n");
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

#[test]
fn e07_no_authorization_server_is_served_in_the_clear() {
    let text = SMALL.replace("https://mcp.example.com", "http://mcp.example.com");
    let expected = "gateway.yaml:1:13 public_url: found \"http://mcp.example.com\"; expected https://; http:// is allowed only for a loopback host";
    assert_eq!(told(&text), [expected]);
    assert_eq!(warned(&SMALL.replace("https://mcp.example.com", "http://127.0.0.1:8080")).len(), 1);
}

#[test]
fn grants_by_account_need_local_accounts() {
    let text = WHOLE.replace("claims: {groups: [mcp, 5], staff: true}", "accounts: [ada], groups: [staff]");
    let told = told(&text);
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].ends_with("expected `claims`: with `login.oidc` there are no local accounts and no groups"));
}

#[test]
fn what_may_stay_of_it_is_warned_of() {
    let memory = "gateway.yaml:9:23 authorization_servers.own.embedded.store.memory: found true; expected store: {file: …} for one replica or {redis: …} for several: with the memory store every login ends with the process";
    for (from, to, expected) in [
        ("x", "x", None),
        (
            GRANTS,
            "      grants: [{scopes: [\"*\"]}]\n      access_token_ttl: 61m\n",
            Some(
                "access_token_ttl: found \"61m\"; expected at most 1h: a user who loses a group keeps its scopes until the next refresh",
            ),
        ),
        (
            GRANTS,
            "      grants: [{groups: [stuff], scopes: [\"*\"]}]\n",
            Some("grants[0].groups[0]: found \"stuff\"; expected a group that an account has; did you mean \"staff\"?"),
        ),
        (
            GRANTS,
            "      grants: [{accounts: [adda], scopes: [\"*\"]}]\n",
            Some(
                "grants[0].accounts[0]: found \"adda\"; expected the name of an account: this one is not there, and gets nothing; did you mean \"ada\"?",
            ),
        ),
        (
            GRANTS,
            "      grants: [{scopes: [\"*\"]}]\n      token_claims: [email]\n",
            Some("token_claims[0]: found \"email\"; expected groups: local accounts have no other claims"),
        ),
        (
            GRANTS,
            "      grants: [{scopes: [\"*\"]}]\n      registration: {client_id_documents: {hosts: [\"*\"], allow_loopback: true}}\n",
            Some(
                "allow_loopback: found true; expected false: a client could make the gateway send requests to other programs on this machine",
            ),
        ),
    ] {
        let warned = warned(&SMALL.replacen(from, to, 1));
        let others: Vec<&String> = warned.iter().filter(|line| !line.contains("embedded.store")).collect();
        assert_eq!(others.len(), usize::from(expected.is_some()), "{warned:?}");
        assert!(expected.is_none_or(|end| others[0].ends_with(end)), "{warned:?}");
        assert_eq!(warned.len(), others.len() + 1);
    }
    assert_eq!(warned(SMALL), [memory]);
    let none = warned(&SMALL.replace("      store: {memory: true}\n", ""));
    assert!(none[0].contains("embedded: found no `store`; expected store: {file: …}"), "{none:?}");
    let other = SMALL
        .replace(
            "servers:\n  one: {",
            "  other: {issuer: \"https://login.example.com\"}\nservers:\n  one: {authorization_servers: [other], ",
        )
        .replace("authorization_  other", "  other");
    let untaken = warned(&other);
    assert!(untaken[0].contains("found an authorization server whose tokens no server accepts"), "{untaken:?}");
}

#[test]
fn each_mistake_in_the_accounts_has_its_line_in_their_file() {
    for (accounts, expected) in [
        ("", "1:1 accounts: found nothing; expected a list of accounts, each with `name` and `password`"),
        ("accounts: []\n", "1:11 accounts: found an empty list; expected a non-empty list of accounts"),
        (
            "acounts: []\naccounts: [{name: ada}]\n",
            "1:1 acounts: found an unknown key; expected accounts; did you mean \"accounts\"?\n2:12 accounts[0].password: found nothing; expected a hash from `portcullis hash-password`",
        ),
        (
            "accounts: [{name: ada, password: hunter2}]\n",
            "1:34 accounts[0].password: found a value that is not such a hash (not shown); expected HOW",
        ),
        (
            "accounts: [{name: ada, password: 'HASH', pasword: hunter2}]\n",
            "AT accounts[0].pasword: found an unknown key; expected name, password, groups, display or subject; did you mean \"password\"?",
        ),
        (
            "accounts: [{name: 5, password: 'HASH'}, {name: ' ada', password: 'HASH', groups: x}]\n",
            "1:19 accounts[0].name: found the number 5; expected a name of at most 255 bytes, without control characters and without white space around it (quote it)\nAT accounts[1].name: found \" ada\"; expected a name of at most 255 bytes, without control characters and without white space around it\nAT accounts[1].groups: found text; expected a list of a group's name",
        ),
        (
            "accounts:\n- {name: ada, password: 'HASH'}\n- {name: ada, password: 'HASH'}\n",
            "3:10 accounts[1].name: found \"ada\" a second time; expected each name once",
        ),
        (
            "accounts:\n- {name: ada, password: 'HASH'}\n- {name: bob, subject: ada, password: 'HASH'}\n",
            "3:24 accounts[1].subject: found \"ada\", which is the subject of another account; expected each subject once (an account without `subject` uses its name)",
        ),
        ("accounts: [\n", "1:11"),
    ] {
        let folder = folder(accounts);
        let refused = with(SMALL, folder.path()).expect_err(accounts).to_string();
        assert!(!refused.contains("hunter2") && !refused.contains(HASH), "{refused}");
        let shown = refused.replace(&format!("{}/", folder.path().display()), "");
        let (lines, expected): (Vec<&str>, Vec<&str>) = (shown.lines().collect(), expected.lines().collect());
        assert_eq!(lines.len(), expected.len(), "{shown}");
        for (line, expected) in lines.iter().zip(expected) {
            let expected = expected.replace("AT ", " ").replace("HOW", "");
            let (at, rest) = expected.split_once(' ').unwrap_or((&expected, ""));
            assert!(line.starts_with("accounts.yaml:") && line.contains(at) && line.contains(rest), "{line}");
        }
    }
}
