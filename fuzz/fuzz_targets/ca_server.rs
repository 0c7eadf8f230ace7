//! The entry point of cargo-fuzz for [`minipki_fuzz::ca_server`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    minipki_fuzz::ca_server(data);
});
