//! How the files of `vectors/cert/` are made: each certificate has one fault, and a
//! right signature unless that is the fault.

use minipki_core::bytes::Secret;
use minipki_core::cert::{Serial, TbsCertificate};
use minipki_core::crypto::rsa::KeySize;
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::encoding::base64::Encoded;
use rsa::Pss;
use rsa::pkcs8::{EncodePrivateKey, LineEnding};
use rsa::sha2::{Digest, Sha512};

use crate::certificates::{encode, id, issue, sample, sign};
use crate::openssl;
use crate::rsa_keys::{SIZES, oracle, public, rng, spki_der};

const SIZE: KeySize = KeySize::Bits2048;

/// The name of a file, which says what becomes of it, and its bytes.
type File = (String, Vec<u8>);

/// Certificates to be accepted.
pub fn accept() -> Vec<File> {
    let key = public(SIZE);
    let name = "z".repeat(64);
    let good = sample(&key);
    let text = encode(&good);
    let salt = |bytes| join(&text, &sign(&text, SIZE, bytes));
    let files = [
        ("good", issue(&good, SIZE)),
        ("longest_subject", issue(&TbsCertificate { subject_id: id(&name), ..good }, SIZE)),
        ("shortest_subject", issue(&TbsCertificate { subject_id: id("-"), ..good }, SIZE)),
        ("serial_1", issue(&TbsCertificate { serial_number: serial(1), ..good }, SIZE)),
        (
            "serial_2_to_the_53_less_1",
            issue(&TbsCertificate { serial_number: serial((1 << 53) - 1), ..good }, SIZE),
        ),
        ("starts_now", changed(NOT_BEFORE, "2026-06-15T12:00:00")),
        ("ends_now", changed(NOT_AFTER, "2026-06-15T12:00:00")),
        ("salt_of_32_bytes", salt(32)),
        ("salt_of_the_maximum", salt(222)),
    ];
    files.into_iter().map(|(name, bytes)| (name.into(), bytes)).collect()
}

/// The two ends of the channel that budgets are measured on, certified by a CA of each size: who they are
/// and their private keys. `firmware-sim/boards/lm3s6965/src/bin/measure` has the same.
pub const ENDS: [(&str, [u8; 32]); 2] = [("sensor-17", [0x11; 32]), ("gateway-3", [0x22; 32])];

/// Certificates of [`ENDS`], as long as those of a fleet.
pub fn cost() -> Vec<File> {
    let issue_to = |size: KeySize, (subject, secret): (&str, [u8; 32])| {
        let key = public(size);
        let unsigned = TbsCertificate {
            serial_number: serial(6_027_733_482_113_537),
            subject_id: id(subject),
            subject_key: *KeyPair::<Portable>::from_secret(Secret::new(secret)).public(),
            ..sample(&key)
        };
        (format!("{subject}-{}", size.bits()), issue(&unsigned, size))
    };
    SIZES.iter().flat_map(|size| ENDS.map(|end| issue_to(*size, end))).collect()
}

/// Certificates to be refused; up to the first `-`, the name is that of the error.
pub fn refuse() -> Vec<File> {
    let mut files: Vec<File> = Vec::new();
    let mut add = |name: &str, bytes: Vec<u8>| files.push((name.into(), bytes));
    for (name, from, to) in FAULTS {
        add(name, changed(from, to));
    }
    let long = "a".repeat(65);
    add("issuer_id-65_bytes", changed("test-ca", &long));
    add("subject_id-65_bytes", changed("alice@example.org", &long));

    // The text as a whole.
    let key = public(SIZE);
    let good = String::from_utf8(issue(&sample(&key), SIZE)).expect("ASCII");
    let edit = |from: &str, to: &str| good.replacen(from, to, 1).into_bytes();
    add("json_whitespace-newline_at_the_end", format!("{good}\n").into());
    add("json_trailing-second_certificate", good.repeat(2).into());
    add("json_truncated-last_byte_missing", good[..good.len() - 1].into());
    add("json_truncated-empty", Vec::new());
    add("json_shape-unsigned", encode(&sample(&key)));
    add("json_whitespace-after_signature", edit("\",\"issuer_id", "\", \"issuer_id"));
    add("json_duplicate_key-signature", edit("{", "{\"ca_signature_b64\":\"\","));
    let (signature, rest) = good.split_once(',').expect("more than one member");
    let last = format!("{{{},{}}}", rest.trim_end_matches('}').to_owned() + "}", &signature[1..]);
    add("json_key_order-signature_last", last.into());

    // The issuer's key.
    let pem = |der: &[u8], label: &str| {
        let text = Encoded(der).to_string();
        let lines: Vec<_> =
            text.as_bytes().chunks(64).map(|line| str::from_utf8(line).expect("ASCII")).collect();
        format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
    };
    let with_key = |text: &str| {
        let own = Encoded(pem(&spki_der(SIZE), "PUBLIC KEY").as_bytes()).to_string();
        changed(&own, &Encoded(text.as_bytes()).to_string())
    };
    let der = spki_der(SIZE);
    let mut exponent_3 = der.clone();
    let last = exponent_3.len() - 3;
    exponent_3.splice(last.., [0, 0, 3]);
    add("issuer_key-empty", with_key(""));
    add("issuer_key-der_without_pem", with_key(&Encoded(&der).to_string()));
    add("issuer_key-other_label", with_key(&pem(&der, "CERTIFICATE")));
    add("issuer_key-longer_than_any", with_key(&pem(&[&der[..], &[0; 400]].concat(), "PUBLIC KEY")));
    add("issuer_key_mismatch-other_exponent", with_key(&pem(&exponent_3, "PUBLIC KEY")));
    add("issuer_key_mismatch-byte_after_the_key", with_key(&pem(&[&der[..], &[0]].concat(), "PUBLIC KEY")));
    let other = public(KeySize::Bits3072);
    add("issuer_key_mismatch-signed_by_the_key_it_names", issue(&sample(&other), KeySize::Bits3072));

    // The signature.
    let text = encode(&sample(&key));
    let right = sign(&text, SIZE, 222);
    let other_text = encode(&TbsCertificate { serial_number: serial(1), ..sample(&key) });
    add("signature-salt_of_31_bytes", join(&text, &sign(&text, SIZE, 31)));
    add("signature-no_salt", join(&text, &sign(&text, SIZE, 0)));
    add("signature-by_another_key", join(&text, &sign(&text, KeySize::Bits3072, 222)));
    add("signature-over_another_certificate", join(&text, &sign(&other_text, SIZE, 222)));
    add("signature-over_the_text_with_an_empty_signature", {
        let empty = join(&text, &[]);
        join(&text, &sign(&empty, SIZE, 222))
    });
    add("signature-sha512", {
        let padding = Pss::<Sha512>::new_with_salt(64);
        let digest = Sha512::digest(&text);
        join(&text, &oracle(SIZE).sign_with_rng(&mut rng(1), padding, &digest).expect("a signature"))
    });
    add("signature-pkcs1_v1_5", join(&text, &sign_with_openssl(&text, "-sha256", &[])));
    let pss = ["rsa_padding_mode:pss", "rsa_pss_saltlen:max"];
    add("signature-sha1", join(&text, &sign_with_openssl(&text, "-sha1", &pss)));
    let mgf1 = [&pss[..], &["rsa_mgf1_md:sha1"]].concat();
    add("signature-mgf1_with_sha1", join(&text, &sign_with_openssl(&text, "-sha256", &mgf1)));
    add("signature-255_bytes", join(&text, &right[1..]));
    add("signature-257_bytes", join(&text, &[&[0], &right[..]].concat()));
    add("signature-empty", join(&text, &[]));
    add("signature-zero", join(&text, &[0; 256]));
    add("signature-one", join(&text, &[&[0; 255][..], &[1]].concat()));
    add("signature-all_ones", join(&text, &[0xff; 256]));
    add("signature_encoding-513_bytes", join(&text, &[0; 513]));
    add("signature_encoding-foreign_character", edit("signature_b64\":\"", "signature_b64\":\"*"));
    add("signature_encoding-padding_missing", edit("=\",\"issuer_id", "\",\"issuer_id"));
    files
}

const NOT_BEFORE: &str = "2026-06-01T00:00:00";
const NOT_AFTER: &str = "2026-07-01T00:00:00";

/// Name, what of the signed text is replaced, and by what, before it is signed.
const FAULTS: [(&str, &str, &str); 43] = [
    ("json_shape-issuer_id_missing", r#""issuer_id":"test-ca","#, ""),
    (
        "json_shape-validity_missing",
        r#","validity":{"not_after":"2026-07-01T00:00:00+00:00","not_before":"2026-06-01T00:00:00+00:00"}"#,
        "",
    ),
    ("json_shape-not_before_missing", r#","not_before":"2026-06-01T00:00:00+00:00""#, ""),
    ("json_shape-algorithm_id_missing", r#""algorithm_id":"X25519","#, ""),
    ("json_shape-unknown_key", r#","validity""#, r#","unknown":1,"validity""#),
    ("json_shape-unknown_key_within", r#"{"algorithm_id""#, r#"{"a":1,"algorithm_id""#),
    ("json_shape-serial_number_as_text", "4242", r#""4242""#),
    ("json_shape-subject_id_as_number", r#""alice@example.org""#, "1"),
    (
        "json_shape-validity_as_text",
        r#"{"not_after":"2026-07-01T00:00:00+00:00","not_before":"2026-06-01T00:00:00+00:00"}"#,
        r#""""#,
    ),
    ("json_number-serial_number_2_to_the_53", "4242", "9007199254740992"),
    ("json_number-serial_number_negative", "4242", "-1"),
    ("json_number-serial_number_leading_zero", "4242", "04242"),
    ("json_number-serial_number_fraction", "4242", "4242.0"),
    ("json_text-escape_in_subject_id", "alice", "\\u0061lice"),
    ("json_text-not_ascii_in_subject_id", "alice", "\u{e4}lice"),
    ("json_whitespace-after_colon", r#""serial_number":"#, r#""serial_number": "#),
    (
        "json_key_order-in_validity",
        r#"{"not_after":"2026-07-01T00:00:00+00:00","not_before":"2026-06-01T00:00:00+00:00"}"#,
        r#"{"not_before":"2026-06-01T00:00:00+00:00","not_after":"2026-07-01T00:00:00+00:00"}"#,
    ),
    (
        "json_duplicate_key-serial_number",
        r#""serial_number":4242"#,
        r#""serial_number":4242,"serial_number":4242"#,
    ),
    ("json_syntax-serial_number_null", "4242", "null"),
    ("issuer_id-empty", "test-ca", ""),
    ("issuer_id-space", "test-ca", "test ca"),
    ("issuer_mismatch-other_name", "test-ca", "other-ca"),
    ("issuer_mismatch-other_case", "test-ca", "Test-CA"),
    ("issuer_mismatch-name_goes_on", "test-ca", "test-ca2"),
    ("serial_number-zero", "4242", "0"),
    ("subject_id-empty", "alice@example.org", ""),
    ("subject_id-slash", "alice@example.org", "../alice"),
    ("subject_key_algorithm-lower_case", "X25519", "x25519"),
    ("subject_key_algorithm-ed25519", "X25519", "Ed25519"),
    ("subject_key-empty", SUBJECT_KEY, ""),
    ("subject_key-31_bytes", SUBJECT_KEY, "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQg=="),
    ("subject_key-33_bytes", SUBJECT_KEY, "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJC"),
    ("subject_key-padding_missing", SUBJECT_KEY, "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI"),
    ("subject_key-stray_bits", SUBJECT_KEY, "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJ="),
    ("subject_key_not_canonical-bit_255_set", SUBJECT_KEY, "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQsI="),
    ("subject_key_not_canonical-the_prime", SUBJECT_KEY, "7f///////////////////////////////////////38="),
    (
        "subject_key_not_canonical-9_above_the_prime",
        SUBJECT_KEY,
        "9v///////////////////////////////////////38=",
    ),
    ("not_before-zulu", "2026-06-01T00:00:00+00:00", "2026-06-01T00:00:00Z"),
    ("not_after-february_30", NOT_AFTER, "2027-02-30T00:00:00"),
    ("not_after-leap_second", NOT_AFTER, "2026-06-30T23:59:60"),
    ("validity_order-reversed", NOT_AFTER, "2026-05-31T23:59:59"),
    ("not_yet_valid-by_one_second", NOT_BEFORE, "2026-06-15T12:00:01"),
    ("expired-by_one_second", NOT_AFTER, "2026-06-15T11:59:59"),
];

/// The subject's key of the sample, 32 bytes of 0x42.
const SUBJECT_KEY: &str = "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=";

fn serial(number: u64) -> Serial {
    Serial::new(number).expect("in range")
}

/// The sample with `from` replaced by `to`, signed after that.
fn changed(from: &str, to: &str) -> Vec<u8> {
    let text = String::from_utf8(encode(&sample(&public(SIZE)))).expect("ASCII");
    assert_eq!(text.matches(from).count(), 1, "{from} must stand in the text once");
    let text = text.replace(from, to).into_bytes();
    join(&text, &sign(&text, SIZE, SIZE.max_salt()))
}

/// A certificate of signed text and signature, whatever they are.
fn join(text: &[u8], signature: &[u8]) -> Vec<u8> {
    let head = format!("{{\"ca_signature_b64\":\"{}\",", Encoded(signature));
    [head.as_bytes(), &text[1..]].concat()
}

/// The test key's signature as the `rsa` crate does not make it, with salt another one each time.
fn sign_with_openssl(text: &[u8], hash: &str, options: &[&str]) -> Vec<u8> {
    let key = oracle(SIZE).to_pkcs8_pem(LineEnding::LF).expect("a key that was made whole");
    let file = tempfile::NamedTempFile::new().expect("a temporary file");
    std::fs::write(file.path(), key.as_bytes()).expect("a temporary file can be written");
    let path = file.path().to_str().expect("a path in UTF-8");
    let options = options.iter().flat_map(|option| ["-sigopt", option]);
    let arguments: Vec<_> = ["dgst", hash, "-sign", path].into_iter().chain(options).collect();
    openssl(&arguments, text)
}
