//! The entry point of cargo-fuzz for [`minipki_fuzz::json`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| minipki_fuzz::json(data));
