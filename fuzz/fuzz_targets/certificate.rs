//! cargo-fuzz's way into [`minipki_fuzz::certificate`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| minipki_fuzz::certificate(data));
