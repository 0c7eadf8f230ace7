//! Messages of an open channel, sealed and opened, beside other implementations of ChaCha20-Poly1305.
//!
//! A frame has 5120 bytes by default, and a text up to 5104. Larger buffers take texts of up to 65519 bytes (Noise §3).
//! 16 KiB is the longest record of TLS.

use aws_lc_rs::aead as aws;
use minipki_benches::fixture::{key, snow_channel};
use minipki_benches::{Contender, Suite, run};
use minipki_core::bytes::Secret;
use minipki_core::crypto::{KeyPair, Portable, Provider};
use minipki_core::noise::{ExpectMessage1, SendMessage1};
use minipki_provider::HostProvider;
use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use ring::aead as ring;

const SIZES: [usize; 4] = [64, 1024, 4080, 16384];

const TAG: usize = 16;

fn pair<P: Provider>(provider: P, number: u64) -> KeyPair<P> {
    KeyPair::from_secret(provider, Secret::new(key(number)))
}

/// Our channel: one end seals, and the other end opens.
fn ours<P: Provider + 'static>(name: &str, provider: P, len: usize) -> Contender<'static> {
    let mut buf = vec![0; 256];
    let a = SendMessage1::new(b"bench", pair(provider, 1), pair(provider, 2));
    let b = ExpectMessage1::new(b"bench", pair(provider, 3), pair(provider, 4));
    let (a, n) = a.write(b"", &mut buf).expect("message 1");
    let (b, _) = b.read(&mut buf[..n]).expect("message 1");
    let (b, n) = b.write(b"", &mut buf).expect("message 2");
    let (a, _) = a.read(&mut buf[..n]).expect("message 2");
    let (a, n) = a.write(b"", &mut buf).expect("message 3");
    let (b, _) = b.read(&mut buf[..n]).expect("message 3");
    let (mut sealer, mut opener) = (a.split().0, b.split().1);
    record(name, len, move |buf| {
        let sealed = sealer.seal(buf, len).expect("room for the tag");
        assert_eq!(opener.open(&mut buf[..sealed]), Ok(len));
    })
}

/// Runs `work`, which seals and opens a text in a buffer with room for the tag. The text must be unchanged.
fn record<'a>(name: &str, len: usize, mut work: impl FnMut(&mut [u8]) + 'a) -> Contender<'a> {
    let mut buf = vec![0x5a; len + TAG];
    let work = move || {
        work(&mut buf);
        buf.iter().take(len).all(|byte| *byte == 0x5a)
    };
    Contender::new(name, work, |whole| assert!(whole, "the opened text differs"))
}

/// The nonces of Noise: four zero bytes and a counter.
fn nonces() -> impl FnMut() -> [u8; 12] {
    let mut count = 0_u64;
    move || {
        count += 1;
        let mut nonce = [0; 12];
        nonce[4..].copy_from_slice(&count.to_le_bytes());
        nonce
    }
}

fn aws(len: usize) -> Contender<'static> {
    let cipher = aws::UnboundKey::new(&aws::CHACHA20_POLY1305, &key(1)).expect("32 bytes");
    let (cipher, mut nonce) = (aws::LessSafeKey::new(cipher), nonces());
    record("aws-lc-rs", len, move |buf| {
        let bytes = nonce();
        let nonce = || aws::Nonce::assume_unique_for_key(bytes);
        let (text, tag) = buf.split_at_mut(len);
        let made = cipher.seal_in_place_separate_tag(nonce(), aws::Aad::empty(), text).expect("it seals");
        tag.copy_from_slice(made.as_ref());
        cipher.open_in_place(nonce(), aws::Aad::empty(), buf).expect("it opens");
    })
}

fn ring(len: usize) -> Contender<'static> {
    let cipher = ring::UnboundKey::new(&ring::CHACHA20_POLY1305, &key(1)).expect("32 bytes");
    let (cipher, mut nonce) = (ring::LessSafeKey::new(cipher), nonces());
    record("ring", len, move |buf| {
        let bytes = nonce();
        let nonce = || ring::Nonce::assume_unique_for_key(bytes);
        let (text, tag) = buf.split_at_mut(len);
        let made = cipher.seal_in_place_separate_tag(nonce(), ring::Aad::empty(), text).expect("it seals");
        tag.copy_from_slice(made.as_ref());
        cipher.open_in_place(nonce(), ring::Aad::empty(), buf).expect("it opens");
    })
}

fn openssl(len: usize) -> Contender<'static> {
    let (mut sealer, mut opener) =
        (CipherCtx::new().expect("a context"), CipherCtx::new().expect("a context"));
    let cipher = Cipher::chacha20_poly1305();
    sealer.encrypt_init(Some(cipher), Some(&key(1)), Some(&[0; 12])).expect("ChaCha20-Poly1305 is known");
    opener.decrypt_init(Some(cipher), Some(&key(1)), Some(&[0; 12])).expect("ChaCha20-Poly1305 is known");
    let mut nonce = nonces();
    record("OpenSSL", len, move |buf| {
        let nonce = nonce();
        let (text, tag) = buf.split_at_mut(len);
        sealer.encrypt_init(None, None, Some(&nonce)).expect("a nonce");
        sealer.cipher_update_inplace(text, len).expect("it seals");
        sealer.cipher_final(&mut []).expect("it seals");
        sealer.tag(tag).expect("a tag");
        opener.decrypt_init(None, None, Some(&nonce)).expect("a nonce");
        opener.set_tag(tag).expect("a tag");
        opener.cipher_update_inplace(text, len).expect("it opens");
        opener.cipher_final(&mut []).expect("the tag is right");
    })
}

fn snow(len: usize) -> Contender<'static> {
    let (mut a, mut b) = snow_channel();
    let mut message = vec![0; len + TAG];
    record("snow", len, move |buf| {
        let sealed = a.write_message(&buf[..len], &mut message).expect("it seals");
        assert_eq!(b.read_message(&message[..sealed], buf), Ok(len));
    })
}

fn records(suite: &mut Suite) {
    for len in SIZES {
        let contenders = vec![
            ours("minipki", HostProvider::default(), len),
            ours("minipki, portable", Portable::new(), len),
            aws(len),
            openssl(len),
            ring(len),
            snow(len),
        ];
        suite.compare(&format!("record of {len} bytes, sealed and opened"), contenders);
    }
}

fn main() {
    run(&[records]);
}
