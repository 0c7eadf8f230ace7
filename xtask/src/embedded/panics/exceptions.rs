//! The panics that the compiler cannot drop, and why none of them happens.

/// A function that calls a panic.
pub(super) struct Exception {
    /// Its file, from its crate's folder on.
    pub(super) file: &'static str,
    /// Its own name: lines move, and compilers inline differently.
    pub(super) function: &'static str,
    /// What bounds it. Of another crate: of the version in Cargo.lock.
    pub(super) why: &'static str,
}

/// None is in our own code, and none may come: there is always a `get`, a `split_at_checked` or an iterator that says the
/// same with an error instead.
pub(super) const EXCEPTIONS: &[Exception] = &[
    Exception {
        file: "base64ct/src/decoder.rs",
        function: "decode",
        why: "a stride is as many blocks as both the line and the room still have",
    },
    Exception {
        file: "base64ct/src/decoder.rs",
        function: "decoded_len",
        why: "the two parts of the last block are together its four characters or fewer, which the buffer holds",
    },
    Exception {
        file: "base64ct/src/encoder.rs",
        function: "encode",
        why: "a stride is as many blocks as the input still has",
    },
    Exception {
        file: "base64ct/src/encoder.rs",
        function: "finish_with_remaining",
        why: "a block that waits has less than three bytes; and what was written lies within the output",
    },
    Exception {
        file: "base64ct/src/encoder.rs",
        function: "insert_newlines",
        why: "it has compared the line, and what the line end moves, with the buffer",
    },
    Exception {
        file: "base64ct/src/encoder.rs",
        function: "remaining",
        why: "what was written lies within the output",
    },
    Exception {
        file: "cipher/src/stream.rs",
        function: "apply_keystream",
        why: "the key stream ends after 2^32 blocks, and chacha20poly1305 takes 32 bytes of the first for its key",
    },
    Exception {
        file: "cipher/src/stream.rs",
        function: "apply_keystream_inout",
        why: "the key stream ends after 2^32 blocks, and chacha20poly1305 refuses a text of as many",
    },
    Exception {
        file: "der/src/reader.rs",
        function: "read_into",
        why: "`read_slice` has returned a slice of the length that it was asked for, which is the buffer's",
    },
    Exception {
        file: "hkdf/src/lib.rs",
        function: "expand_multi_info",
        why: "an output of more than 255 blocks has been refused, so the number of each is a byte",
    },
    Exception {
        file: "pem-rfc7468/src/encoder.rs",
        function: "encode",
        why: "the length is that of what was written into this buffer",
    },
    Exception {
        file: "pem-rfc7468/src/grammar.rs",
        function: "split_label",
        why: "the label was counted in the bytes that are split",
    },
    Exception {
        file: "serde-json-core/src/ser/mod.rs",
        function: "push_unchecked",
        why: "both of its callers have compared the length with the buffer's",
    },
];
