//! The core against published vectors and other implementations.

mod base64;
mod cert;
mod cert_corpus;
mod drivers;
mod json;
mod noise_attacks;
mod noise_snow;
mod noise_vectors;
mod pem;
mod rsa_signatures;
mod session_channel;
mod session_corpus;
mod session_enrol;
mod symmetric;
mod time;
mod x25519;
mod x25519_pkcs8;
