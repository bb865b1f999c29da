//! Which header fields may cross from one hop to the next (SPEC F-01…F-07, F-27).
