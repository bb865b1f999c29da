//! Mistakes in resource patterns: URIs that fall to a weaker rule.

use super::{ACCESS, Case};

pub(super) const CASES: &[Case] = &[
    // Attack 170: a URI that `*` no longer matches falls to a rule that requires less.
    (
        ACCESS,
        "    rules:\n      - {resources: [\"memo:a\", \"file:///a/*\"], scopes: [x]}\n      - {resources: [\"*\"]}\n",
        &[
            "12:32 servers.weather.rules[0].resources[1]: found \"file:///a/*\", whose `*` stops at \"/\": \"file:///a/x/x\" falls to rules[1], which requires less; expected \"file:///a/**\", where `**` crosses it; see gateway.yaml:13:22 servers.weather.rules[1].resources[0]",
        ],
    ),
    (
        ACCESS,
        "    rules:\n      - {resources: [\"search://q?user=*\"], scopes: [x]}\n      - {resources: [\"*\"]}\n",
        &[
            "12:22 servers.weather.rules[0].resources[0]: found \"search://q?user=*\", whose `*` stops at \"/\" and whose `?` stands for one character: \"search://q?user=/\" falls to rules[1], which requires less; expected \"search://q?user=**\", where `**` crosses it; see gateway.yaml:13:22 servers.weather.rules[1].resources[0]",
        ],
    ),
    (
        ACCESS,
        "    scope_implies: {y: [x]}\n    rules:\n      - {resources: [\"file:///a/*\"], scopes: [x]}\n      - {resources: [\"file:///a/*\"], scopes: [y]}\n      - {resources: [\"file:///**\"], scopes: [x], report_only: true}\n",
        &[
            "13:22 servers.weather.rules[0].resources[0]: found \"file:///a/*\", whose `*` stops at \"/\": \"file:///a/x/x\" falls to rules[2], which requires less; expected \"file:///a/**\", where `**` crosses it; see gateway.yaml:15:22 servers.weather.rules[2].resources[0]",
        ],
    ),
];
