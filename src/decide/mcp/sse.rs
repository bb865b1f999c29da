//! Where one event of an event stream ends and the next begins, and what an event says (WHATWG HTML §9.2.5).
