//! Which server or document a path is: exact, on the raw bytes (SPEC F-20).
