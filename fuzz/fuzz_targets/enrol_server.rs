//! cargo-fuzz's way into [`minipki_fuzz::enrol_server`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    minipki_fuzz::enrol_server(data);
});
