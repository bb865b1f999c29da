//! Text that is not YAML, or is something else than was meant.

use super::{
    super::mistakes::{ACCESS, ISSUER, LISTEN, UPSTREAM},
    Case,
};

pub(super) const CASES: &[Case] = &[
    (
        ACCESS,
        "    rules:\n      - tools: [*]\n",
        &[
            "12:17 found `*` without quotes, which in YAML refers to another value; expected quotes around the pattern, as in \"*\"",
        ],
    ),
    (
        ACCESS,
        "    rules:\n      - tools: *\n",
        &[
            "12:16 found `*` without quotes, which in YAML refers to another value; expected quotes around the pattern, as in \"*\"",
        ],
    ),
    (
        ACCESS,
        "    rules: [{tools: [*], scopes: [a]}]\n",
        &[
            "11:22 found `*` without quotes, which in YAML refers to another value; expected quotes around the pattern, as in \"*\"",
        ],
    ),
    (
        ACCESS,
        "    rules:\n      - tools:\n          - *\n",
        &[
            "13:13 found `*` without quotes, which in YAML refers to another value; expected quotes around the pattern, as in \"*\"",
        ],
    ),
    (
        ACCESS,
        "    rules:\n      - tools: [*_read]\n",
        &[
            "12:17 found `*` without quotes, which in YAML refers to another value; expected quotes around the pattern, as in \"*_read\"",
        ],
    ),
    (
        ACCESS,
        "    rules:\n      - tools: [*, a]\n",
        &[
            "12:17 found `*` without quotes, which in YAML refers to another value; expected quotes around the pattern, as in \"*\"",
        ],
    ),
    (
        ACCESS,
        "\taccess: authenticated\n",
        &["11:1 found a tab in the indentation; expected spaces: YAML counts them, and permits no tab there"],
    ),
    (
        ACCESS,
        "    \taccess: authenticated\n",
        &["11:5 found a tab in the indentation; expected spaces: YAML counts them, and permits no tab there"],
    ),
    (
        LISTEN,
        "\t- address: 127.0.0.1:8080\n",
        &["3:1 found a tab in the indentation; expected spaces: YAML counts them, and permits no tab there"],
    ),
    (
        "    path: /weather/mcp\n",
        "    path:/weather/mcp\n",
        &["9:10 found `path:` without a space after it; expected a space after the colon: `path: …`"],
    ),
    (
        "public_url: https",
        "public_url:https",
        &["1:12 found `public_url:` without a space after it; expected a space after the colon: `public_url: …`"],
    ),
    (
        ACCESS,
        "    access:authenticated\n",
        &["11:12 found `access:` without a space after it; expected a space after the colon: `access: …`"],
    ),
    (
        UPSTREAM,
        "    upstream: {url:\"http://127.0.0.1:8000/mcp\"}\n",
        &["10:16 found `url:` without a space after it; expected a space after the colon: `url: …`"],
    ),
    (
        UPSTREAM,
        "    upstream: {url:http://127.0.0.1:8000/mcp}\n",
        &["10:16 found `url:` without a space after it; expected a space after the colon: `url: …`"],
    ),
    (
        "  weather:\n    path",
        "  weather:path",
        &[
            "9:5 found a line that begins in column 5; expected column 3, like line 8, or column 1, like `servers` in line 7",
        ],
    ),
    (
        LISTEN,
        "  -address: 127.0.0.1:8080\n",
        &["3:3 found `-address` without a space after the dash; expected a space after the dash: `- address: …`"],
    ),
    (
        "    path: /weather/mcp\n",
        "      path: /weather/mcp\n",
        &[
            "10:5 found a line that begins in column 5; expected column 7, like `path` in line 9, or column 3, like line 8",
        ],
    ),
    (
        ACCESS,
        "   access: authenticated\n",
        &[
            "11:4 found a line that begins in column 4; expected column 5, like `upstream` in line 10, or column 3, like line 8",
        ],
    ),
    (
        ACCESS,
        "     access: authenticated\n",
        &[
            "11:6 found a line that begins in column 6; expected column 5, like `upstream` in line 10, or column 3, like line 8",
        ],
    ),
    (
        "  weather:\n    path",
        "weather:\n    path",
        &[
            "8:1 found `weather` in the column of `servers`, which is empty then; expected more spaces before `weather`, if it belongs to `servers`",
        ],
    ),
    (
        ISSUER,
        "  issuer: https://login.example.com\n",
        &[
            "6:3 found `issuer` in the column of `corporate`, which is empty then; expected more spaces before `issuer`, if it belongs to `corporate`",
        ],
    ),
    (
        ISSUER,
        "    issuer: https://login.example.com: 8080\n",
        &[
            "6:38 found a colon and a space inside a value; expected quotes around the value, or a new line for the next key",
        ],
    ),
    (
        ISSUER,
        "    issuer: \"https://login.example.com\n",
        &["6:13 found `\"` that is not closed in its line; expected `\"` at the end of the value"],
    ),
    (
        ISSUER,
        "    issuer: 'https://login.example.com\n",
        &["6:13 found `'` that is not closed in its line; expected `'` at the end of the value"],
    ),
    (
        ACCESS,
        "    scopes: [a, b\n    access: authenticated\n",
        &["11:13 found `[` that is not closed; expected `]` at its end"],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"\n",
        &["10:15 found `{` that is not closed; expected `}` at its end"],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}}\n",
        &["10:49 found `}`, which closes nothing; expected as many opening as closing brackets"],
    ),
    (
        ACCESS,
        "    scopes: [a, b}\n    access: authenticated\n",
        &["11:13 found `}`, where a `[` is open; expected `]`: a list is [a, b], and a map is {key: value}"],
    ),
    (
        ISSUER,
        "    issuer: \"https://login.example.com\" x\n",
        &[
            "6:41 found text after a closing quote; expected the whole value between the quotes, or a comma or a new line before the next one",
        ],
    ),
    (
        ISSUER,
        "    issuer: “https://login.example.com”\n",
        &["6:13 found typographic quotes, which are part of the value; expected straight quotes, \" or ', or none"],
    ),
    (
        ISSUER,
        "    issuer: ‘https://login.example.com’\n",
        &["6:13 found typographic quotes, which are part of the value; expected straight quotes, \" or ', or none"],
    ),
    (
        ISSUER,
        "    issuer:\u{a0}https://login.example.com\n",
        &["6:5 found a no-break space (U+00A0); expected a common space"],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"C:\\mcp\"}\n",
        &[
            "10:21 found a backslash between double quotes, where it begins an escape; expected single quotes around the value, in which a backslash is plain text",
        ],
    ),
    (
        ACCESS,
        "    access: %auth\n",
        &["11:13 found a value that begins with %, which YAML reserves; expected quotes around the value"],
    ),
    (
        ACCESS,
        "    access: @auth\n",
        &["11:13 found a value that begins with @, which YAML reserves; expected quotes around the value"],
    ),
    (
        ACCESS,
        "    access: `auth`\n",
        &["11:13 found a value that begins with `, which YAML reserves; expected quotes around the value"],
    ),
    (
        ACCESS,
        "    rules: [{tools: [!delete], deny: true}]\n",
        &[
            "11:22 found `!` without quotes, which in YAML begins a tag; expected quotes around the value, if it begins with `!`; otherwise the value alone",
        ],
    ),
    (
        ISSUER,
        "    issuer: ${ISSUER}\n",
        &[
            "6:13 found a variable of the shell, which is not filled in here; expected the value itself, or for a secret `env:` and the name of the variable, as in env:NAME",
        ],
    ),
    (
        ISSUER,
        "    issuer: {{ issuer }}\n",
        &[
            "6:13 found a map as a key, or `{{`, a template that was not filled in; expected the value itself: the gateway fills in no templates",
        ],
    ),
    ("servers:", "---\nservers:", &["4:1 found a line without a colon; expected a colon after the key: `key:`"]),
    (
        ACCESS,
        "    <<: {access: authenticated}\n",
        &[
            "9:5 servers.weather: found none of them; expected exactly one of access, rules",
            "11:5 found a merge key (<<); expected the keys themselves, written out",
        ],
    ),
    (
        "public_url: https://mcp.example.com",
        "public_url: {{ .Values.url }}",
        &[
            "1:13 found a map as a key, or `{{`, a template that was not filled in; expected the value itself: the gateway fills in no templates",
        ],
    ),
    (
        "    path: /weather/mcp\n",
        "    path: a: b\n",
        &[
            "9:12 found a colon and a space inside a value; expected quotes around the value, or a new line for the next key",
        ],
    ),
    ("  weather:\n", "  weather\n", &["8:3 found a line without a colon; expected a colon after the key: `key:`"]),
    (
        ACCESS,
        "    access authenticated\n",
        &["11:5 found `access` without a colon; expected a colon after the key: `access:`"],
    ),
    (
        ACCESS,
        "    access = authenticated\n",
        &["11:11 found `access =`; expected a colon in place of the equals sign: `access: …`"],
    ),
    (
        "public_url: https",
        "public_url = https",
        &["1:11 found `public_url =`; expected a colon in place of the equals sign: `public_url: …`"],
    ),
    (
        UPSTREAM,
        "    upstream:\n\t\turl: http://127.0.0.1:8000/mcp\n",
        &["11:1 found a tab in the indentation; expected spaces: YAML counts them, and permits no tab there"],
    ),
    (
        ISSUER,
        "    \"issuer\": \"https://login.example.com\",\n    \"profile\": \"okta\"\n",
        &[
            "6:42 found text after a closing quote; expected the whole value between the quotes, or a comma or a new line before the next one",
        ],
    ),
    (
        ISSUER,
        "    issuer: 'it's'\n",
        &[
            "6:17 found text after a closing quote; expected the whole value between the quotes, or a comma or a new line before the next one",
        ],
    ),
    (
        ISSUER,
        "    “issuer”: https://login.example.com\n",
        &["6:5 found typographic quotes around a key; expected the key without quotes"],
    ),
    (
        ACCESS,
        "    rules: [{tools: [\"a\" \"b\"]}]\n",
        &[
            "11:26 found text after a closing quote; expected the whole value between the quotes, or a comma or a new line before the next one",
        ],
    ),
    (
        "public_url: https://mcp.example.com\n",
        "[gateway]\npublic_url = \"x\"\n",
        &["1:1 found a TOML or INI file; expected a configuration in YAML, with `key: value` in each line"],
    ),
    (
        "public_url: https://mcp.example.com\n",
        "-----BEGIN CERTIFICATE-----\nMIIB\n",
        &["1:1 found a PEM file; expected a configuration in YAML"],
    ),
    (
        ACCESS,
        "    access: \"authenticated\n",
        &["11:13 found `\"` that is not closed in its line; expected `\"` at the end of the value"],
    ),
    (ACCESS, "    rules: [{tools: [a]}\n", &["11:12 found `[` that is not closed; expected `]` at its end"]),
    (
        ISSUER,
        "    issuer:\n    https://login.example.com\n",
        &[
            "7:5 found a value in the column of its key; expected the value after the colon of its key, in the same line",
        ],
    ),
    (
        "public_url: https",
        "documents: {a: $argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$hunter2}\npublic_url: https",
        &[
            "1:13 documents.a: found \"a\"; expected a path that begins with /",
            "1:16 found a password hash without quotes (not shown), which its commas split; expected quotes around the whole hash: in braces, a comma ends a value",
        ],
    ),
];
