//! The pages: login, consent, error. HTML without script, escaped by the template engine, readable on a phone and by keyboard.
