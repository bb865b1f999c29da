//! Servers that contradict each other: the same path, two roots.

use super::{ACCESS, Case};

pub(super) const CASES: &[Case] = &[
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
