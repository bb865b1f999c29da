//! Watches the bytes of an HTTP/1.1 connection and stops any framing that two parsers could read differently (SPEC F-03, F-09).
