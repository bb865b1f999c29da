//! Mistakes in `documents` and `paths`.

use super::{ACCESS, Case};

pub(super) const CASES: &[Case] = &[
    (
        ACCESS,
        "    access: authenticated\ndocuments: {icon.png: {text: x}}\n",
        &["12:13 documents.\"icon.png\": found \"icon.png\"; expected a path that begins with /"],
    ),
    (
        ACCESS,
        "    access: authenticated\ndocuments: {/weather/mcp: {text: x}}\n",
        &[
            "12:13 documents.\"/weather/mcp\": found a path of servers.weather; expected a path that the gateway does not answer itself; see gateway.yaml:9:11 servers.weather.path",
        ],
    ),
    (
        ACCESS,
        "    access: authenticated\ndocuments: {/.well-known/oauth-protected-resource/x: {text: x}}\n",
        &[
            "12:13 documents.\"/.well-known/oauth-protected-resource/x\": found a path of /.well-known/oauth-protected-resource, metadata for clients; expected a path that the gateway does not answer itself",
        ],
    ),
    (
        ACCESS,
        "    access: authenticated\ndocuments: {/a/../b: {text: x}, /c%20d: {text: x}, /e/: {text: x}}\n",
        &[
            "12:13 documents.\"/a/../b\": found \"/a/../b\"; expected a path without empty segments, . and ..",
            "12:33 documents.\"/c%20d\": found \"/c%20d\"; expected a path of plain characters: no %, ;, \\, ?, #, spaces or characters outside ASCII",
            "12:52 documents.\"/e/\": found \"/e/\"; expected a path without a slash at its end",
        ],
    ),
    (
        ACCESS,
        "    access: authenticated\ndocuments: {/a: {}, /b: {text: x, file: y}, /c: {text: x, type: plain}}\n",
        &[
            "12:17 documents.\"/a\": found none of them; expected exactly one of text, file",
            "12:25 documents.\"/b\": found text and file; expected exactly one of text, file",
            "12:41 documents.\"/b\".file: found /nonexistent/y, which cannot be read (No such file or directory (os error 2)); expected a file that can be read",
            "12:65 documents.\"/c\".type: found \"plain\"; expected a media type such as text/plain or application/json; charset=utf-8",
        ],
    ),
];
