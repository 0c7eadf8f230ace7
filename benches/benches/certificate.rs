//! Certificates: to encode one, to read it, to verify it; beside verification, the RSA operation alone.

use std::hint::black_box;

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use minipki_core::cert::{Anchor, Certificate, Id, Serial, Unsigned, Validity, assemble, verify};
use minipki_core::crypto::rsa::{KeySize, PrivateKey, SaltLength};
use minipki_core::crypto::{Portable, Provider};
use minipki_core::limits::{CERTIFICATE, RSA_BYTES};
use minipki_core::text::{Now, UnixTime};
use rand_chacha::ChaCha20Rng;
use rand_core::SeedableRng;
use rsa::pkcs8::EncodePrivateKey;

fn certificates(c: &mut Criterion) {
    let mut group = c.benchmark_group("certificate");
    for size in [KeySize::Bits2048, KeySize::Bits3072, KeySize::Bits4096] {
        let mut rng = ChaCha20Rng::seed_from_u64(1);
        let der = rsa::PrivateKey::new(&mut rng, size.bits()).unwrap().to_pkcs8_der().unwrap();
        let mut key = PrivateKey::from_pkcs8_der(der.as_bytes()).unwrap();
        let public = key.public().clone();
        let unsigned = Unsigned {
            issuer_id: Id::new("bench-ca").unwrap(),
            issuer_key: &public,
            serial_number: Serial::generate(&mut rng),
            subject_id: Id::new("alice@example.org").unwrap(),
            subject_key: [0x42; 32],
            validity: Validity::new(UnixTime::MIN, UnixTime::MAX).unwrap(),
        };
        let mut text = [0; CERTIFICATE];
        let text = unsigned.encode(&mut text).unwrap();
        let digest = Portable::sha256(&[text]);
        let mut signature = [0; RSA_BYTES];
        let salt = vec![7; size.max_salt()];
        let signature = key.sign_pss(&digest, &salt, &mut rng, &mut signature).unwrap();
        let mut certificate = [0; CERTIFICATE];
        let certificate = assemble(text, signature, &mut certificate).unwrap();
        let by_key = Anchor::from_key::<Portable>(unsigned.issuer_id, public.clone());
        let by_fingerprint = Anchor::from_fingerprint(by_key.fingerprint());
        let now = Now::Exact(UnixTime::MIN);

        let mut out = [0; CERTIFICATE];
        group.bench_function(BenchmarkId::new("encode", size.bits()), |b| {
            b.iter(|| black_box(&unsigned).encode(&mut out).unwrap().len());
        });
        group.bench_function(BenchmarkId::new("assemble", size.bits()), |b| {
            b.iter(|| assemble(black_box(text), signature, &mut out).unwrap().len());
        });
        group.bench_function(BenchmarkId::new("parse", size.bits()), |b| {
            b.iter(|| Certificate::parse(black_box(certificate)).unwrap());
        });
        let parsed = Certificate::parse(certificate).unwrap();
        group.bench_function(BenchmarkId::new("verify, key pinned", size.bits()), |b| {
            b.iter(|| verify::<Portable>(&by_key, black_box(&parsed), now).unwrap());
        });
        group.bench_function(BenchmarkId::new("verify, fingerprint pinned", size.bits()), |b| {
            b.iter(|| verify::<Portable>(&by_fingerprint, black_box(&parsed), now).unwrap());
        });
        group.bench_function(BenchmarkId::new("RSA verification alone", size.bits()), |b| {
            b.iter(|| public.verify_pss(black_box(&digest), signature, SaltLength::AtLeast(32)).unwrap());
        });
    }
    group.finish();
}

criterion_group!(benches, certificates);
criterion_main!(benches);
