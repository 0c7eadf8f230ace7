//! Certificates: encode, sign, parse, and verify against a pinned anchor.
