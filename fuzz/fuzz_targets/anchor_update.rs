//! The entry point of cargo-fuzz for [`minipki_fuzz::anchor_update`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    minipki_fuzz::anchor_update(data);
});
