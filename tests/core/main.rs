//! The core against published vectors and other implementations.
