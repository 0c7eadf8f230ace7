//! The entry point of cargo-fuzz for [`minipki_fuzz::status`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    minipki_fuzz::status(data);
});
