//! RSA keys: reading and writing against the oracle, and damaged keys.

use minipki_core::crypto::rsa::{
    AcceptedSizes, Error, KeySize, PrivateKey, PublicKey, Rsa2048, Rsa3072, Rsa4096, SaltLength, Sizes,
};
use minipki_core::crypto::{Hash, Portable};
use minipki_core::keys::{Fingerprint, FingerprintError};
use minipki_core::limits::{RSA_BYTES, SPKI_DER, SPKI_PEM};
use minipki_fixtures::rsa_keys::{
    Numbers, SIZES, element, integer, numbers, oracle, pkcs8_der, private, public, rng, sequence, spki_der,
};
use rsa::pkcs8::{EncodePublicKey, LineEnding};

/// AlgorithmIdentifier of rsaEncryption with NULL.
const RSA_ENCRYPTION: [u8; 15] =
    [0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];

/// SubjectPublicKeyInfo of any modulus and exponent.
fn spki(n: &[u8], e: &[u8]) -> Vec<u8> {
    let key = sequence(&[integer(n), integer(e)]);
    sequence(&[RSA_ENCRYPTION.to_vec(), element(0x03, &[vec![0], key].concat())])
}

#[test]
fn public_keys_are_read_and_written_as_the_oracle_does() {
    for size in SIZES {
        let (der, key) = (spki_der(size), public(size));
        assert_eq!(key.size(), size);
        assert_eq!(der, spki(&numbers(size).n, &[1, 0, 1]));
        let mut out = [0; SPKI_DER];
        assert_eq!(key.write_spki_der(&mut out), Ok(&der[..]));
        let pem = oracle(size).to_public_key().to_public_key_pem(LineEnding::LF).expect("PEM");
        let mut out = [0; SPKI_PEM];
        assert_eq!(key.write_spki_pem(&mut out), Ok(&pem[..]));
        assert_eq!(<PublicKey>::from_spki_pem(pem.as_bytes()).as_ref(), Ok(&key));
        assert_eq!(<PublicKey>::from_modulus(&numbers(size).n).as_ref(), Ok(&key));
        let mut out = [0; SPKI_DER];
        assert_eq!(key.modulus(&mut out), Ok(&numbers(size).n[..]));
        assert_eq!(key.fingerprint(Portable::new()), Fingerprint(Portable::new().sha256(&[&der])));

        assert!(key.write_spki_der(&mut out[..der.len() - 1]).is_err());
        assert!(key.write_spki_pem(&mut [0; SPKI_PEM][..pem.len() - 1]).is_err());
        assert_eq!(key.modulus(&mut out[..size.bytes() - 1]), Err(Error::BufferTooSmall));
    }
    assert_ne!(public(KeySize::Bits2048), public(KeySize::Bits3072));
}

#[test]
fn public_keys_that_are_refused() {
    let der = spki_der(KeySize::Bits2048);
    for len in 0..der.len() {
        assert_eq!(<PublicKey>::from_spki_der(&der[..len]), Err(Error::KeyEncoding), "cut at {len}");
    }
    assert_eq!(
        <PublicKey>::from_spki_der(&[&der[..], &[0]].concat()),
        Err(Error::KeyEncoding),
        "trailing byte"
    );

    let n = numbers(KeySize::Bits2048).n;
    assert_eq!(<PublicKey>::from_spki_der(&spki(&n, &[3])), Err(Error::Exponent));
    assert_eq!(<PublicKey>::from_spki_der(&spki(&n, &[1, 0, 1, 0])), Err(Error::Exponent));
    assert_eq!(
        <PublicKey>::from_spki_der(&spki(&n[..128], &[1, 0, 1])),
        Err(Error::KeySize(AcceptedSizes::All)),
        "1024 bits"
    );
    assert_eq!(
        <PublicKey>::from_spki_der(&spki(&n[..255], &[1, 0, 1])),
        Err(Error::KeySize(AcceptedSizes::All))
    );
    assert_eq!(
        <PublicKey>::from_spki_der(&spki(&[&n[..], &[1]].concat(), &[1, 0, 1])),
        Err(Error::KeySize(AcceptedSizes::All))
    );
    assert_eq!(
        <PublicKey>::from_spki_der(&spki(&[&n[..], &n, &n].concat(), &[1, 0, 1])),
        Err(Error::KeySize(AcceptedSizes::All))
    );
    let mut changed = n;
    changed[255] &= 0xfe;
    assert_eq!(<PublicKey>::from_spki_der(&spki(&changed, &[1, 0, 1])), Err(Error::Modulus), "even");
    assert_eq!(<PublicKey>::from_modulus(&changed), Err(Error::Modulus));
    changed[0] &= 0x7f;
    assert_eq!(<PublicKey>::from_modulus(&changed), Err(Error::KeySize(AcceptedSizes::All)), "2047 bits");
    assert_eq!(<PublicKey>::from_modulus(&[]), Err(Error::KeySize(AcceptedSizes::All)));

    // A change of any byte in front of the modulus is refused.
    for at in 0..33 {
        let mut der = der.clone();
        der[at] ^= 0x01;
        assert!(<PublicKey>::from_spki_der(&der).is_err(), "byte {at}");
    }
    let pem = oracle(KeySize::Bits2048).to_public_key().to_public_key_pem(LineEnding::LF).expect("PEM");
    let other = pem.replace("PUBLIC KEY", "RSA PUBLIC KEY");
    assert_eq!(<PublicKey>::from_spki_pem(other.as_bytes()), Err(Error::KeyEncoding));
    assert_eq!(<PublicKey>::from_spki_pem(b""), Err(Error::KeyEncoding));
}

#[test]
fn private_keys_are_read_in_both_forms() {
    for size in SIZES {
        assert_eq!(private(size).public(), &public(size));
        let key = PrivateKey::from_pkcs1_der(&numbers(size).pkcs1_der()).expect("the oracle's key");
        assert_eq!(key.public(), &public(size));
        assert_eq!(format!("{key:?}"), format!("PrivateKey({} bits)", size.bits()), "no secret is printed");
    }
}

#[test]
fn the_lent_parts_are_the_imported_parts() {
    for size in SIZES {
        let expected = numbers(size);
        private(size).with_parts(|parts| {
            assert_eq!((parts.p, parts.q), (&expected.p[..], &expected.q[..]));
            assert_eq!((parts.dp, parts.dq), (&expected.dp[..], &expected.dq[..]));
            assert_eq!(parts.q_inverse, expected.q_inverse);
        });
    }
}

#[test]
fn private_keys_that_are_refused() {
    let refused = |der: &[u8]| <PrivateKey>::from_pkcs1_der(der).expect_err("a damaged key");
    let der = pkcs8_der(KeySize::Bits2048);
    for len in 0..der.len() {
        let error = <PrivateKey>::from_pkcs8_der(&der[..len]).expect_err("a cut key");
        assert_eq!(error, Error::KeyEncoding, "cut at {len}");
    }
    assert_eq!(<PrivateKey>::from_pkcs8_der(&[&der[..], &[0]].concat()).err(), Some(Error::KeyEncoding));
    assert_eq!(refused(&[&numbers(KeySize::Bits2048).pkcs1_der()[..], &[0]].concat()), Error::KeyEncoding);

    for size in SIZES {
        let whole = numbers(size);
        let damaged = |damage: fn(&mut Numbers)| {
            let mut numbers = whole.clone();
            damage(&mut numbers);
            refused(&numbers.pkcs1_der())
        };
        assert_eq!(damaged(|k| k.e = vec![3]), Error::Exponent);
        assert_eq!(damaged(|k| k.n[5] ^= 4), Error::PrivateKey);
        assert_eq!(damaged(|k| k.p[5] ^= 4), Error::PrivateKey);
        assert_eq!(damaged(|k| k.q[5] ^= 4), Error::PrivateKey);
        assert_eq!(damaged(|k| k.dp[5] ^= 4), Error::PrivateKey);
        assert_eq!(damaged(|k| k.dq[5] ^= 4), Error::PrivateKey);
        assert_eq!(damaged(|k| k.q_inverse[5] ^= 4), Error::PrivateKey);
        assert_eq!(damaged(|k| k.dp = vec![0]), Error::PrivateKey);
        assert_eq!(damaged(|k| k.dp = vec![0xff; k.dp.len()]), Error::PrivateKey, "not below p");
        assert_eq!(damaged(|k| k.q_inverse = k.p.clone()), Error::PrivateKey, "not below p");
        assert_eq!(damaged(|k| std::mem::swap(&mut k.p, &mut k.q)), Error::PrivateKey);
        assert_eq!(damaged(|k| k.p = k.n.clone()), Error::PrivateKey);
        assert_eq!(damaged(|k| (k.p, k.q) = (vec![1], k.n.clone())), Error::PrivateKey);
        let last = whole.n.len() - 1;
        let mut even = whole.clone();
        even.n[last] &= 0xfe;
        assert_eq!(refused(&even.pkcs1_der()), Error::Modulus);
    }

    let numbers = numbers(KeySize::Bits2048);
    let mut small = numbers.clone();
    small.n.truncate(128);
    assert_eq!(refused(&small.pkcs1_der()), Error::KeySize(AcceptedSizes::All), "1024 bits");

    // Version 1 means that more primes follow (RFC 8017 §A.1.2).
    let two = numbers.pkcs1_der();
    let body = [&[2, 1, 1], &two[4 + 3..]].concat();
    let third = sequence(&[sequence(&[integer(&[7]), integer(&[5]), integer(&[3])])]);
    assert_eq!(refused(&sequence(&[body, third])), Error::KeyEncoding, "three primes");
}

#[test]
fn another_algorithm_is_refused() {
    let mut der = spki_der(KeySize::Bits2048);
    let x25519 = sequence(&[vec![0x06, 0x03, 0x2b, 0x65, 0x6e]]);
    assert_eq!(
        <PublicKey>::from_spki_der(&sequence(&[x25519, element(0x03, &[0; 33])])),
        Err(Error::KeyEncoding)
    );
    // rsaEncryption without its NULL.
    let without_null = sequence(&[RSA_ENCRYPTION[2..13].to_vec()]);
    let inner = der.split_off(4 + RSA_ENCRYPTION.len());
    assert_eq!(<PublicKey>::from_spki_der(&sequence(&[without_null, inner])), Err(Error::KeyEncoding));
}

#[test]
fn fingerprints_as_text() {
    let fingerprint = public(KeySize::Bits2048).fingerprint(Portable::new());
    let text = fingerprint.to_string();
    assert_eq!(text.len(), 64);
    assert_eq!(text.parse(), Ok(fingerprint));
    assert_eq!(text.to_uppercase().parse(), Ok(fingerprint));
    assert_eq!(text[1..].parse::<Fingerprint>(), Err(FingerprintError::Length(63)));
    assert_eq!(format!("{text}0").parse::<Fingerprint>(), Err(FingerprintError::Length(65)));
    let wrong = |place, character| Err(FingerprintError::Digit { place, character });
    assert_eq!(format!("{}g{}", &text[..5], &text[6..]).parse::<Fingerprint>(), wrong(6, 'g'));
    assert_eq!(format!("é{}", &text[2..]).parse::<Fingerprint>(), wrong(1, 'é'));
}

#[test]
fn fingerprints_as_people_have_them() {
    let fingerprint = public(KeySize::Bits2048).fingerprint(Portable::new());
    let text = fingerprint.to_string();
    let pairs: Vec<_> =
        text.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("digits")).collect();
    let colons = pairs.join(":").to_uppercase();
    let typed = [
        text.clone(),
        text.to_uppercase(),
        format!("  {text}\r\n"),
        pairs.join(" "),
        pairs.join("-"),
        format!("SHA256:{text}"),
        format!("sha256:{colons}"),
        format!("SHA256 Fingerprint={colons}"),
        format!("sha256 Fingerprint={colons}\n"),
        format!("SHA2-256(stdin)= {text}"),
        format!("SHA-256: {text}"),
        format!("0x{text}"),
        format!("0X{}", text.to_uppercase()),
        format!("\u{feff}{text}"),
        format!("\u{feff}sha256:0x{text}"),
        pairs.join("\u{a0}"),
    ];
    for form in &typed {
        assert_eq!(Fingerprint::from_typed(form), Ok(fingerprint), "{form:?}");
    }
    // Files and messages have one form.
    for form in &typed[2..] {
        assert!(
            form.parse::<Fingerprint>().is_err() && Fingerprint::from_lower_hex(form).is_none(),
            "{form:?}"
        );
    }
    assert_eq!(Fingerprint::from_typed(&colons[3..]), Err(FingerprintError::Length(62)));
    assert_eq!(Fingerprint::from_typed(&format!("{text}{text}")), Err(FingerprintError::Length(128)));
    assert_eq!(Fingerprint::from_typed(""), Err(FingerprintError::Length(0)));
    assert_eq!(Fingerprint::from_typed("SHA256:"), Err(FingerprintError::Length(0)));
    let wrong = |place, character| Err(FingerprintError::Digit { place, character });
    assert_eq!(Fingerprint::from_typed("adviser"), wrong(3, 'v'));
    assert_eq!(Fingerprint::from_typed(&format!("é{}", &text[1..])), wrong(1, 'é'));
    // The place is that in the text, with everything in front.
    assert_eq!(Fingerprint::from_typed(&format!("  sha256:{}O{}", &text[..2], &text[3..])), wrong(10, 'O'));
    assert_eq!(Fingerprint::from_typed(&format!("0x{}.", &text[1..])), wrong(66, '.'));
    for name in ["sha1:", "SHA1 Fingerprint=", "md5:", "SHA512:", "SHA3-256(stdin)= ", "sha2560:"] {
        let refused = Fingerprint::from_typed(&format!("{name}{colons}"));
        assert_eq!(refused, Err(FingerprintError::OtherDigest), "{name}");
    }
}

/// A program that names one size has only keys of that size, which sign and verify.
#[test]
fn a_program_of_one_size_refuses_the_others() {
    fn check<S: Sizes>(only: KeySize) {
        for size in SIZES {
            let public = PublicKey::<S>::from_spki_der(&spki_der(size));
            let private = PrivateKey::<S>::from_pkcs8_der(&pkcs8_der(size));
            if size != only {
                let error = Error::KeySize(AcceptedSizes::Only(only));
                assert_eq!(public.as_ref(), Err(&error));
                assert_eq!(private.err(), Some(error));
                assert!(error.to_string().contains(&format!("not of {} bits", only.bits())), "{error}");
                continue;
            }
            let (public, mut private) = (public.expect("the size"), private.expect("the size"));
            let mut out = [0; RSA_BYTES];
            let signature = private.sign_pss(&[7; 32], &[3; 32], &mut rng(1), &mut out).expect("a signature");
            let salt = SaltLength::Exactly(32);
            assert_eq!(public.verify_pss(&[7; 32], signature, salt), Ok(()));
            assert_eq!(public.verify_pss(&[8; 32], signature, salt), Err(Error::OtherDigest));
            assert_eq!(public, *private.public());
        }
    }
    check::<Rsa2048>(KeySize::Bits2048);
    check::<Rsa3072>(KeySize::Bits3072);
    check::<Rsa4096>(KeySize::Bits4096);
    assert!(size_of::<PublicKey<Rsa2048>>() < size_of::<PublicKey>() - 200, "it has the memory of its size");
}
