//! The core against published vectors and other implementations.

mod noise_vectors;
