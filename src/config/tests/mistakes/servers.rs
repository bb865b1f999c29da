//! Mistakes in `servers`: paths, upstreams, scopes, credentials, rules.

use super::{ACCESS, Case, UPSTREAM};

pub(super) const CASES: &[Case] = &[
    (
        "    path: /weather/mcp\n",
        "",
        &["9:5 servers.weather.path: found nothing; expected the server's public path, such as /weather/mcp"],
    ),
    ("/weather/mcp", "weather", &["9:11 servers.weather.path: found \"weather\"; expected a path that begins with /"]),
    (
        "/weather/mcp",
        "/weather//",
        &["9:11 servers.weather.path: found \"/weather//\"; expected a path without empty segments, . and .."],
    ),
    (
        "/weather/mcp",
        "/a//b",
        &["9:11 servers.weather.path: found \"/a//b\"; expected a path without empty segments, . and .."],
    ),
    (
        "/weather/mcp",
        "/a/../b",
        &["9:11 servers.weather.path: found \"/a/../b\"; expected a path without empty segments, . and .."],
    ),
    (
        "/weather/mcp",
        "/a%2fb",
        &[
            "9:11 servers.weather.path: found \"/a%2fb\"; expected a path of letters, digits, / and -._~@:+, which every client writes in the same way",
        ],
    ),
    (
        "/weather/mcp",
        "/ä",
        &[
            "9:11 servers.weather.path: found \"/ä\"; expected a path of letters, digits, / and -._~@:+, which every client writes in the same way",
        ],
    ),
    (
        "/weather/mcp",
        "/a;b",
        &[
            "9:11 servers.weather.path: found \"/a;b\"; expected a path of letters, digits, / and -._~@:+, which every client writes in the same way",
        ],
    ),
    (
        "/weather/mcp",
        "/.well-known/x",
        &[
            "9:11 servers.weather.path: found \"/.well-known/x\"; expected a path outside /.well-known/, where the gateway answers itself",
        ],
    ),
    (UPSTREAM, "", &["9:5 servers.weather.upstream: found nothing; expected a map with the `url` of the MCP server"]),
    (
        UPSTREAM,
        "    upstream: http://127.0.0.1:8000/mcp\n",
        &["10:15 servers.weather.upstream: found text; expected a map such as {url: …}"],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://u:hunter2@127.0.0.1:8000/mcp\"}\n",
        &[
            "10:21 servers.weather.upstream.url: found a URL that is not shown, since it may hold a secret; expected a URL without user name and password",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\", ca: ca.pem, connect_timeout: 0s}\n",
        &[
            "10:54 servers.weather.upstream.ca: found \"ca.pem\"; expected no `ca` where the URL is http://, or an https:// URL",
            "10:54 servers.weather.upstream.ca: found /nonexistent/ca.pem, which cannot be read (No such file or directory (os error 2)); expected a file that can be read",
            "10:79 servers.weather.upstream.connect_timeout: found \"0s\"; expected a duration such as 30s, 5m or 24h, from 1ms to 24h",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://localhost:8080/mcp\"}\n",
        &[
            "10:21 servers.weather.upstream.url: found localhost:8080, which is this gateway; expected the address of the MCP server itself; see gateway.yaml:3:14 listen[0].address",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"https://mcp.example.com/mcp\"}\n",
        &[
            "10:21 servers.weather.upstream.url: found mcp.example.com:443, which is this gateway; expected the address of the MCP server itself",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    authorization_servers: [corporat]\n",
        &[
            "11:29 servers.weather.authorization_servers[0]: found \"corporat\"; expected a name under `authorization_servers`; did you mean \"corporate\"?",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    authorization_servers: []\n",
        &[
            "11:28 servers.weather.authorization_servers: found an empty list; expected at least one authorization server, or `keys` at the top level for a server that takes API keys alone",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    audiences: [\"\", 5]\n",
        &[
            "11:17 servers.weather.audiences[0]: found empty text; expected an audience",
            "11:21 servers.weather.audiences[1]: found the number 5; expected an audience (quote it)",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    scopes: [\"a b\", x, x]\n",
        &[
            "11:14 servers.weather.scopes[0]: found \"a b\"; expected one scope: no spaces, quotes, backslashes or characters outside ASCII",
            "11:24 servers.weather.scopes[2]: found \"x\" a second time; expected each one once; see gateway.yaml:11:21 servers.weather.scopes[1]",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    scopes: mcp:connect\n",
        &["11:13 servers.weather.scopes: found text; expected a list of scopes, in brackets"],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    challenge_scope: baselin\n",
        &[
            "11:22 servers.weather.challenge_scope: found \"baselin\"; expected baseline, all or omit; did you mean \"baseline\"?",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    scope_implies: {\"a b\": [], x: y}\n",
        &[
            "11:21 servers.weather.scope_implies.\"a b\": found a key that is not a scope; expected one scope: no spaces, quotes or backslashes",
            "11:28 servers.weather.scope_implies.\"a b\": found an empty list; expected a non-empty list of scopes or patterns of scopes",
            "11:35 servers.weather.scope_implies.x: found text; expected a list of scopes or patterns of scopes, in brackets",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    hide: always\n    deny_as: tool-error\n",
        &[
            "11:11 servers.weather.hide: found \"always\"; expected never, forbidden or unauthorized",
            "12:14 servers.weather.deny_as: found \"tool-error\"; expected auto, challenge or tool_error; did you mean \"tool_error\"?",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    credential: hunter2\n",
        &["11:17 servers.weather.credential: found text; expected a map with one of strip, header, forward"],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    credential: {header: {name: authorization, value: hunter2}}\n",
        &[
            "11:55 servers.weather.credential.header.value: found a value that is not a reference (not shown); expected a reference to a secret, which does not belong into this file: env:NAME or file:PATH",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    credential: {header: {name: content-type, value: \"env:SESSION_KEY\"}}\n",
        &[
            "11:33 servers.weather.credential.header.name: found the header \"content-type\"; expected a header that HTTP, MCP and the gateway do not use themselves",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    credential: {header: {name: x-api-key, value: \"env:TWO_LINES\"}}\n",
        &[
            "11:51 servers.weather.credential.header.value: found env:TWO_LINES, whose value is not valid in a header; expected a secret of one line",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    credential: {strip: true, forward: {}}\n",
        &[
            "11:17 servers.weather.credential: found strip and forward; expected exactly one of strip, header, forward",
            "11:40 servers.weather.credential.forward.dangerous: found nothing; expected dangerous: true",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    credential: {forward: {dangerous: false}}\n",
        &["11:39 servers.weather.credential.forward.dangerous: found false; expected dangerous: true, or no `forward`"],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    credential: {strip: false}\n",
        &[
            "11:25 servers.weather.credential.strip: found false; expected strip: true; to pass the caller's token on, see `forward`",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    identity_headers: {Authorization: sub, x-a: sub, X-A: sub, \"x y\": sub, mcp-name: sub}\n",
        &[
            "11:24 servers.weather.identity_headers.Authorization: found the header \"Authorization\"; expected a header that HTTP, MCP and the gateway do not use themselves",
            "11:54 servers.weather.identity_headers.X-A: found the header x-a a second time; expected each header once, in any case; see gateway.yaml:11:44 servers.weather.identity_headers.x-a",
            "11:64 servers.weather.identity_headers.\"x y\": found the header \"x y\"; expected a header name (letters, digits, - and _)",
            "11:76 servers.weather.identity_headers.mcp-name: found the header \"mcp-name\"; expected a header that HTTP, MCP and the gateway do not use themselves",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    credential: {header: {name: x-a, value: \"env:SESSION_KEY\"}}\n    identity_headers: {x-a: sub}\n",
        &[
            "12:23 servers.weather.identity_headers: found the header x-a, which `credential` sets; expected another header",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    allowed_origins: [\"*\", \"https://app.example.com/\", \"https://App.example\", \"https://a:443\"]\n",
        &[
            "11:23 servers.weather.allowed_origins[0]: found \"*\"; expected each origin by name: with * every web page could send requests from its visitor's browser",
            "11:28 servers.weather.allowed_origins[1]: found \"https://app.example.com/\"; expected an origin as browsers send it: scheme://host[:port] in lower case, without a slash at the end",
            "11:56 servers.weather.allowed_origins[2]: found \"https://App.example\"; expected an origin as browsers send it: scheme://host[:port] in lower case, without a slash at the end",
            "11:79 servers.weather.allowed_origins[3]: found \"https://a:443\"; expected an origin as browsers send it: scheme://host[:port] in lower case, without a slash at the end",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    batches: 2025-06-18\n    stream_keep_alive: 500ms\n",
        &[
            "11:14 servers.weather.batches: found \"2025-06-18\"; expected refuse or 2025-03-26; did you mean \"2025-03-26\"?",
            "12:24 servers.weather.stream_keep_alive: found \"500ms\"; expected off, or a duration such as 30s, 5m or 24h, from 1s to 1h",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    legacy_sse: {path: /sse/., upstream: \"ftp://x/\"}\n",
        &[
            "11:24 servers.weather.legacy_sse.path: found \"/sse/.\"; expected a path without empty segments, . and ..",
            "11:42 servers.weather.legacy_sse.upstream: found \"ftp://x/\"; expected a URL that begins with https:// or http:// in lower case",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    legacy_sse: on\n",
        &["11:17 servers.weather.legacy_sse: found \"on\"; expected off, or a map with `path` and `upstream`"],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    legacy_sse: {path: /}\n",
        &[
            "11:17 servers.weather.legacy_sse.upstream: found nothing; expected the URL of the upstream's event stream",
            "11:24 servers.weather.legacy_sse.path: found \"/\"; expected a path below /, such as /weather/sse",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    legacy_sse: {path: /weather/mcp, upstream: \"http://127.0.0.1:8080/sse\"}\n",
        &[
            "11:24 servers.weather.legacy_sse.path: found the path of servers.weather; expected each path once; see gateway.yaml:9:11 servers.weather.path",
            "11:48 servers.weather.legacy_sse.upstream: found 127.0.0.1:8080, which is this gateway; expected the address of the MCP server itself; see gateway.yaml:3:14 listen[0].address",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"http://127.0.0.1:8000/mcp\"}\n    root: true\n    root: true\n",
        &[
            "12:5 servers.weather.root: found this key a second time; expected each key once; see gateway.yaml:11:5 servers.weather.root",
        ],
    ),
    (ACCESS, "", &["9:5 servers.weather: found none of them; expected exactly one of access, rules"]),
    (
        ACCESS,
        "    access: anyone\n",
        &[
            "11:13 servers.weather.access: found \"anyone\"; expected authenticated, or `rules` in place of `access`: only a rule can have `public: true`",
        ],
    ),
    (
        ACCESS,
        "    access: authenticated\n    rules: [{tool: [a]}]\n",
        &[
            "9:5 servers.weather: found access and rules; expected exactly one of access, rules",
            "12:13 servers.weather.rules[0]: found none of them; expected exactly one of tools, resources, prompts, methods",
            "12:14 servers.weather.rules[0].tool: found an unknown key; expected tools, resources, prompts, methods, scopes, any_scope, claims, report_only, deny or public; did you mean \"tools\"?",
        ],
    ),
    (
        ACCESS,
        "    rules: []\n",
        &["11:12 servers.weather.rules: found an empty list; expected a non-empty list of rules"],
    ),
    (
        ACCESS,
        "    rules:\n      - {tools: [a], prompts: [b]}\n",
        &[
            "12:9 servers.weather.rules[0]: found tools and prompts; expected exactly one of tools, resources, prompts, methods",
        ],
    ),
    (
        ACCESS,
        "    rules:\n      - {scopes: [a]}\n",
        &[
            "12:9 servers.weather.rules[0]: found none of them; expected exactly one of tools, resources, prompts, methods",
        ],
    ),
    (
        ACCESS,
        "    rules:\n      - {tools: [], scopes: [a]}\n",
        &["12:17 servers.weather.rules[0].tools: found an empty list; expected a non-empty list of patterns"],
    ),
    (
        ACCESS,
        "    rules:\n      - {tools: get_*}\n",
        &["12:17 servers.weather.rules[0].tools: found text; expected a list of patterns, in brackets"],
    ),
    (
        ACCESS,
        "    rules:\n      - {tools: [a], deny: true, scopes: [a]}\n",
        &[
            "12:28 servers.weather.rules[0].deny: found true; expected either `deny: true` or `scopes`, `any_scope` and `claims`: a denial has no conditions",
        ],
    ),
    (
        ACCESS,
        "    rules:\n      - {tools: [a], deny: yes}\n",
        &["12:28 servers.weather.rules[0].deny: found \"yes\"; expected true or false; did you mean \"true\"?"],
    ),
    (
        ACCESS,
        "    rules:\n      - {tools: [a]}\n      - {tools: [b, 5], scopes: [ok, \"mcp tools\"], any_scope: []}\n",
        &[
            "13:21 servers.weather.rules[1].tools[1]: found the number 5; expected a pattern: a name, with * for any text and ? for any character (quote it)",
            "13:38 servers.weather.rules[1].scopes[1]: found \"mcp tools\"; expected one scope: no spaces, quotes, backslashes or characters outside ASCII",
            "13:63 servers.weather.rules[1].any_scope: found an empty list; expected a non-empty list of scopes",
        ],
    ),
    (
        ACCESS,
        "    rules:\n      - {tools: [a], claims: {d: [], e: null, f: [010]}}\n",
        &[
            "12:34 servers.weather.rules[0].claims.d: found an empty list; expected a non-empty list of values of a claim: text, numbers, true or false, or {glob: …}",
            "12:41 servers.weather.rules[0].claims.e: found nothing; expected a value of a claim: text, a number, true or false, or {glob: …}",
            "12:51 servers.weather.rules[0].claims.f[0]: found the number 010; expected a number as JSON writes it, or text (quote it)",
        ],
    ),
    (
        ACCESS,
        "    rules:\n      - {methods: [tools/call, ping, tools/list, \"acme/*\"]}\n",
        &[
            "12:20 servers.weather.rules[0].methods[0]: found \"tools/call\"; expected a method that rules decide; this method is decided by a `tools` rule",
            "12:32 servers.weather.rules[0].methods[1]: found \"ping\"; expected a method that rules decide; this method is decided by `scopes` of the server: a caller that may connect may call it",
            "12:38 servers.weather.rules[0].methods[2]: found \"tools/list\"; expected a method that rules decide; this method is decided by `scopes` of the server; what the list shows is decided by the rules and `hide`",
        ],
    ),
    (
        ACCESS,
        "    rules:\n      - {methods: [notifications/tasks/status, tasks/get], deny: true}\n      - {tools: [a]}\n",
        &[
            "12:20 servers.weather.rules[0].methods[0]: found \"notifications/tasks/status\"; expected a method that rules decide; this method is decided by `scopes` of the server: a caller that may connect may call it",
        ],
    ),
    (ACCESS, "    rules:\n      - [tools]\n", &["12:9 servers.weather.rules[0]: found a list; expected a map"]),
    (
        ACCESS,
        "    rules:\n      - tools: [a]\n        clams: {x: y}\n",
        &[
            "13:9 servers.weather.rules[0].clams: found an unknown key; expected tools, resources, prompts, methods, scopes, any_scope, claims, report_only, deny or public; did you mean \"claims\"?",
        ],
    ),
    (
        "servers:\n  weather:\n",
        "servers: {}\nweather:\n  weather:\n",
        &[
            "7:10 servers: found an empty map; expected at least one server",
            "8:1 weather: found an unknown key; expected public_url, hosts, trusted_proxies, listen, admin, keys, authorization_servers, servers, limits, documents, session_keys, log or drain",
        ],
    ),
];
