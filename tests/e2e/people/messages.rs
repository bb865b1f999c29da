//! Messages, session ids, compressed answers and the start (C3 to C5, C8).

mod check;
mod compressed;
mod lenient;
mod sessions;
