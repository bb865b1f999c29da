//! The HTTP methods of an entry of `paths:`.

use std::sync::LazyLock;

use http::Method;

/// A set of HTTP methods.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathMethods(u8);

/// Every method that can be passed on, in the order of `Allow`. `OPTIONS` is answered by the
/// gateway; `CONNECT` and `TRACE` are for proxies themselves.
const ALL: [&str; 6] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

impl PathMethods {
    /// No method.
    pub const NONE: Self = Self(0);
    /// `GET` and `HEAD`.
    pub const READ: Self = Self(0b11);

    /// The set of one method, by its name. `GET` brings `HEAD` with it, which asks for less.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let at = ALL.iter().position(|method| *method == name)?;
        Some(if at == 0 { Self::READ } else { Self(1 << at) })
    }

    /// Both sets together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether `method` is in the set.
    #[must_use]
    pub fn contain(self, method: &Method) -> bool {
        ALL.iter().position(|one| *one == method.as_str()).is_some_and(|at| self.0 & 1 << at != 0)
    }

    /// Whether a method in the set changes something.
    #[must_use]
    pub fn write(self) -> bool {
        self.0 & !Self::READ.0 != 0
    }

    /// Whether both sets have a method in common.
    #[must_use]
    pub fn meet(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// The names.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        ALL.into_iter().enumerate().filter(move |(at, _)| self.0 & 1 << at != 0).map(|(_, name)| name)
    }

    /// The value of `Allow`.
    #[must_use]
    pub fn allow(self) -> &'static str {
        ALLOW.get(usize::from(self.0)).map_or("OPTIONS", String::as_str)
    }
}

/// The value of `Allow` for each set, written once.
static ALLOW: LazyLock<Vec<String>> = LazyLock::new(|| {
    let sets = (0..1 << ALL.len()).map(PathMethods);
    sets.map(|set| set.names().chain(["OPTIONS"]).collect::<Vec<_>>().join(", ")).collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_b4_get_brings_head_and_no_method_brings_another() {
        for (names, allow) in [
            (&["GET"][..], "GET, HEAD, OPTIONS"),
            (&["HEAD"], "HEAD, OPTIONS"),
            (&["POST", "GET"], "GET, HEAD, POST, OPTIONS"),
            (&["DELETE", "PUT", "PATCH"], "PUT, PATCH, DELETE, OPTIONS"),
            (&[], "OPTIONS"),
        ] {
            let set =
                names.iter().filter_map(|name| PathMethods::named(name)).fold(PathMethods::NONE, PathMethods::and);
            assert_eq!(set.allow(), allow);
            for method in ALL.map(|name| Method::from_bytes(name.as_bytes()).unwrap()) {
                assert_eq!(set.contain(&method), allow.split(", ").any(|name| name == method.as_str()), "{method}");
            }
            assert!(!set.contain(&Method::OPTIONS) && !set.contain(&Method::TRACE));
            assert_eq!(set.write(), names.iter().any(|name| !matches!(*name, "GET" | "HEAD")));
        }
        assert_eq!(PathMethods::named("get"), None);
        assert_eq!(PathMethods::named("CONNECT"), None);
    }
}
