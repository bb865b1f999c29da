//! Where vendors depart from the RFCs: one row each.
