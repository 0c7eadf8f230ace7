//! The entry point of cargo-fuzz for [`minipki_fuzz::x509_ocsp_request`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| _ = minipki_fuzz::x509_ocsp_request(data));
