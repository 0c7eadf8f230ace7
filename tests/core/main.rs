//! The core against published vectors and other implementations.

mod base64;
mod json;
mod noise_vectors;
mod pem;
mod time;
