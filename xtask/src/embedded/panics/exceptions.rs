//! The panics that the compiler cannot drop, and the reason why each one cannot happen.

/// A function that calls a panic.
pub(super) struct Exception {
    /// Its file, relative to the folder that contains its crate.
    pub(super) file: &'static str,
    /// Its name. Line numbers and inlining would change too often.
    pub(super) function: &'static str,
    /// The reason, for the version in Cargo.lock.
    pub(super) why: &'static str,
}

/// The exceptions, all in other crates. None may be in the core: a `get`, a `split_at_checked` or an iterator can return an
/// error instead.
pub(super) const EXCEPTIONS: &[Exception] = &[
    Exception {
        file: "base64ct/src/decoder.rs",
        function: "decode",
        why: "a stride has at most as many blocks as the rest of the line and of the output",
    },
    Exception {
        file: "base64ct/src/decoder.rs",
        function: "decoded_len",
        why: "the two parts of the last block have at most four characters together, and the buffer holds four",
    },
    Exception {
        file: "base64ct/src/encoder.rs",
        function: "encode",
        why: "a stride has at most as many blocks as the rest of the input",
    },
    Exception {
        file: "base64ct/src/encoder.rs",
        function: "finish_with_remaining",
        why: "a waiting block has less than three bytes, and the written part lies within the output",
    },
    Exception {
        file: "base64ct/src/encoder.rs",
        function: "insert_newlines",
        why: "it has compared the length of the line and the bytes after the line end with the buffer",
    },
    Exception {
        file: "base64ct/src/encoder.rs",
        function: "remaining",
        why: "the written part lies within the output",
    },
    Exception {
        file: "cipher/src/stream.rs",
        function: "apply_keystream",
        why: "the key stream has 2^32 blocks, and chacha20poly1305 takes 32 bytes of the first one for its key",
    },
    Exception {
        file: "cipher/src/stream.rs",
        function: "apply_keystream_inout",
        why: "the key stream has 2^32 blocks, and chacha20poly1305 refuses a text of as many blocks",
    },
    Exception {
        file: "crypto-bigint/src/modular/reduction.rs",
        function: "montgomery_reduction_inner",
        why: "the three numbers have as many limbs as the modulus, and the loops end there",
    },
    Exception {
        file: "crypto-bigint/src/modular/safegcd.rs",
        function: "shr_in_place_wide",
        why: "the shift is the number of steps of one batch, above zero and less than the bits of the shorter number",
    },
    Exception {
        file: "crypto-bigint/src/uint/encoding.rs",
        function: "mask_high_limb",
        why: "the precision is the length of the curve's order, and the number has as many bits or more",
    },
    Exception {
        file: "crypto-bigint/src/uint/shl.rs",
        function: "shl_vartime",
        why: "its callers shift by less than the length of the number, which the curve's order fixes",
    },
    Exception {
        file: "crypto-bigint/src/uint/shr.rs",
        function: "shr_vartime",
        why: "its callers shift by less than the length of the number, which the curve's order fixes",
    },
    Exception {
        file: "curve25519-dalek/src/window.rs",
        function: "select",
        why: "a digit of the non-adjacent form with five bits is below 16, and the table has eight entries",
    },
    Exception {
        file: "der/src/reader.rs",
        function: "read_into",
        why: "`read_slice` has returned a slice of the requested length, which is the buffer's length",
    },
    Exception {
        file: "hkdf/src/lib.rs",
        function: "expand_multi_info",
        why: "it has refused an output of more than 255 blocks, so each block number fits in a byte",
    },
    Exception {
        file: "pem-rfc7468/src/encoder.rs",
        function: "encode",
        why: "the length is the length of the text in this buffer",
    },
    Exception {
        file: "pem-rfc7468/src/grammar.rs",
        function: "split_label",
        why: "the length of the label was counted in the bytes that are split",
    },
    Exception {
        file: "sec1/src/point.rs",
        function: "tag",
        why: "the constructor has checked the first byte of the point",
    },
    Exception {
        file: "serde-json-core/src/ser/mod.rs",
        function: "push_unchecked",
        why: "both callers have compared the length with the buffer's length",
    },
    Exception {
        file: "subtle/src/lib.rs",
        function: "unwrap",
        why: "the numbers of a signature are not zero when it is constructed, so each has an inverse",
    },
    Exception {
        file: "wnaf/src/lib.rs",
        function: "wnaf_form",
        why: "the array has a digit for each bit of the order and one more, and the scalar is below the order",
    },
    Exception {
        file: "wnaf/src/lib.rs",
        function: "wnaf_multi_exp",
        why: "a digit is odd and less than half of two to the window, which is the size of the table that is indexed by half of it",
    },
    Exception {
        file: "wnaf/src/limb_buffer.rs",
        function: "get",
        why: "the position grows by at most one window, less than a limb",
    },
];
