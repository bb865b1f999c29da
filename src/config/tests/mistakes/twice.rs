//! Two places that contradict each other: the same path, two roots, one socket.

use super::{ACCESS, Case, LISTEN, UPSTREAM};

pub(super) const CASES: &[Case] = &[
    (
        LISTEN,
        "  - address: 127.0.0.1:8080\n  - address: 0.0.0.0:8080\n    plaintext: true\n  - address: \"[::1]:8080\"\n",
        &[
            "4:14 listen[1].address: found 0.0.0.0:8080, which is taken by 127.0.0.1:8080; expected each address once; see gateway.yaml:3:14 listen[0].address",
        ],
    ),
    (
        ACCESS,
        "    access: authenticated\nadmin: {address: \"0.0.0.0:8080\"}\n",
        &[
            "12:18 admin.address: found 0.0.0.0:8080, which is taken by the listener 127.0.0.1:8080; expected an address of its own; see gateway.yaml:3:14 listen[0].address",
        ],
    ),
    (
        UPSTREAM,
        "    upstream: {url: \"https://127.0.0.1:8000/mcp\", ca: ~/ca.pem}\n",
        &[
            "10:55 servers.weather.upstream.ca: found /nonexistent/~/ca.pem, which cannot be read (No such file or directory (os error 2)); expected a file that can be read: `~` does not stand for the home folder here",
        ],
    ),
    (
        ACCESS,
        "    access: authenticated\n  news:\n    path: /weather/mcp\n    root: true\n    upstream: {url: \"http://127.0.0.1:8001/\"}\n    access: authenticated\n",
        &[
            "13:11 servers.news.path: found the path of servers.weather; expected each path once; see gateway.yaml:9:11 servers.weather.path",
        ],
    ),
    (
        ACCESS,
        "    access: authenticated\n  news:\n    path: /weather/mcp/\n    upstream: {url: \"http://127.0.0.1:8001/\"}\n    access: authenticated\n",
        &[
            "13:11 servers.news.path: found the path of servers.weather but for the slash at its end, which makes no difference; expected each path once; see gateway.yaml:9:11 servers.weather.path",
        ],
    ),
    (
        ACCESS,
        "    access: authenticated\n    legacy_sse: {path: /old, upstream: \"http://127.0.0.1:8001/\"}\n  news:\n    path: /old/messages\n    upstream: {url: \"http://127.0.0.1:8001/\"}\n    access: authenticated\n    legacy_sse: {path: /old, upstream: \"http://127.0.0.1:8001/\"}\n  more:\n    path: /x/messages\n    upstream: {url: \"http://127.0.0.1:8001/\"}\n    access: authenticated\n  last:\n    path: /last\n    upstream: {url: \"http://127.0.0.1:8001/\"}\n    access: authenticated\n    legacy_sse: {path: /x, upstream: \"http://127.0.0.1:8001/\"}\n",
        &[
            "14:11 servers.news.path: found the message path of servers.weather.legacy_sse; expected each path once; see gateway.yaml:12:24 servers.weather.legacy_sse.path",
            "17:24 servers.news.legacy_sse.path: found the path of servers.weather.legacy_sse; expected each path once; see gateway.yaml:12:24 servers.weather.legacy_sse.path",
            "26:24 servers.last.legacy_sse.path: found a path whose message path is the path of servers.more; expected each path once; see gateway.yaml:19:11 servers.more.path",
        ],
    ),
    (
        ACCESS,
        "    access: authenticated\n  news:\n    path: /news\n    root: true\n    upstream: {url: \"http://127.0.0.1:8001/\"}\n    access: authenticated\n  more:\n    path: /more\n    root: true\n    upstream: {url: \"http://127.0.0.1:8001/\"}\n    access: authenticated\n",
        &[
            "19:11 servers.more.root: found root: true a second time; expected `root: true` on at most one server; see gateway.yaml:14:11 servers.news.root",
        ],
    ),
];
