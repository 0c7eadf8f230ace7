//! RSA in fixed-size buffers: 2048, 3072 and 4096 bits, e = 65537 (RFC 8017).
