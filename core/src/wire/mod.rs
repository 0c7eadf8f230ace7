//! The messages that travel, and nothing else.
