//! One line for each decision: who, where, what, verdict, rule, how long; never arguments or tokens.
