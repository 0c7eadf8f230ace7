//! The core against published vectors and other implementations.

mod base64;
mod cert;
mod cert_corpus;
mod drivers;
mod examples;
mod json;
mod link;
mod noise_attacks;
mod noise_snow;
mod noise_vectors;
mod pem;
mod portable;
mod rsa_arithmetic;
mod rsa_keys;
mod rsa_signatures;
mod rsa_wiping;
mod rsa_wycheproof;
mod session_channel;
mod session_corpus;
mod session_enrol;
mod time;
mod trust;
mod x25519;
mod x25519_pkcs8;
