//! The path validation of the core beside rustls-webpki and OpenSSL, on the same certificates.

mod disagreements;
mod mutations;
mod others;
mod validators;
