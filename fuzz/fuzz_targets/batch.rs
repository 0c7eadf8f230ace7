//! cargo-fuzz's way into [`minipki_fuzz::batch`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| minipki_fuzz::batch(data));
