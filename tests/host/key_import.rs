//! Keys that other programs have made: a CA and an identity with such a key.

use std::fs;

use minipki_core::crypto::rsa::KeySize;
use minipki_core::keys::Fingerprint;
use minipki_fixtures::openssl;
use minipki_fixtures::rsa_keys::SIZES;
use minipki_tests::ca::{chmod, openssl_key};
use minipki_tests::kill_points::{WRITES, at_each};
use minipki_tests::program::{run, start};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::keys_at_rest::by_openssl;
use super::passphrase::write;

fn fingerprint(key: &[u8]) -> String {
    let der = openssl(&["pkey", "-pubout", "-outform", "DER"], key);
    Fingerprint(Sha256::digest(der).into()).to_string()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

#[test]
fn a_ca_is_made_with_an_rsa_key_of_each_size_and_form() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    write(at, "right", "right");
    let mut number = 0;
    for size in SIZES {
        let key = openssl_key(size);
        let forms = [
            (key.to_vec(), false),
            (openssl(&["rsa", "-traditional"], key), false),
            (by_openssl(key, &["-scrypt"]), true),
            (by_openssl(key, &[]), true),
        ];
        for (form, encrypted) in forms {
            number += 1;
            let dir = format!("ca-{number}");
            write(at, "key.pem", text(&form));
            let mut import = vec!["ca", "import", "--key", "key.pem", "--name", "old-ca", "--dir", &dir];
            if encrypted {
                let locked = run(at, &import).expect(1).stderr;
                assert!(locked.contains("--passphrase-file FILE"), "{locked}");
                assert!(!at.join(&dir).exists());
                import.extend(["--passphrase-file", "right"]);
            }
            let made = run(at, &import).expect(0);
            assert_eq!(made.stdout.trim(), fingerprint(key), "{number}");
            assert!(made.stderr.contains(&format!("RSA-{}", size.bits())), "{made:?}");
            let stored = fs::read(at.join(&dir).join("ca-key.pem")).expect("a file");
            assert_eq!(stored.starts_with(b"-----BEGIN ENCRYPTED"), encrypted, "{number}");
            assert_eq!(openssl(&["pkey", "-passin", "pass:right"], &stored), key, "{number}");
            assert_eq!(fs::read(at.join("key.pem")).expect("a file"), form, "the file stays as it is");
            run(at, &["ca", "check", "--dir", &dir, "--passphrase-file", "right"]).expect(0);
        }
    }
    // A passphrase encrypts the copy of a key that is not encrypted.
    write(at, "key.pem", text(openssl_key(KeySize::Bits2048)));
    run(at, &["ca", "import", "--key", "key.pem", "--dir", "enc", "--passphrase-file", "right"]).expect(0);
    let stored = fs::read(at.join("enc/ca-key.pem")).expect("a file");
    assert!(stored.starts_with(b"-----BEGIN ENCRYPTED"));
}

#[test]
fn a_key_that_the_core_does_not_accept_is_refused_with_advice_and_nothing_is_made() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    let good = openssl_key(KeySize::Bits2048);
    let rsa = |options: &[&str]| {
        openssl(&[&["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt"], options].concat(), b"")
    };
    let der = openssl(&["pkey", "-outform", "DER"], good);
    let (make, convert) = ("openssl genpkey -algorithm RSA", "openssl pkcs8 -topk8 -scrypt -in key.pem");
    let others = [
        ("1024 bits", rsa(&["rsa_keygen_bits:1024"]), make),
        ("e = 3", rsa(&["rsa_keygen_bits:2048", "-pkeyopt", "rsa_keygen_pubexp:3"]), make),
        ("three primes", rsa(&["rsa_keygen_bits:2048", "-pkeyopt", "rsa_keygen_primes:3"]), make),
        ("EC", openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], b""), make),
        ("X25519", openssl(&["genpkey", "-algorithm", "X25519"], b""), make),
        (
            "PSS",
            openssl(&["genpkey", "-quiet", "-algorithm", "RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"], b""),
            make,
        ),
        ("public", openssl(&["pkey", "-pubout"], good), make),
        (
            "traditional encryption",
            openssl(&["rsa", "-traditional", "-aes256", "-passout", "pass:right"], good),
            convert,
        ),
        ("cut", good[..good.len() / 2].to_vec(), make),
        ("DER", der, "openssl pkey -inform DER -in key.pem -out key.converted.pem"),
    ];
    let import = ["ca", "import", "--key", "key.pem", "--dir", "ca"];
    for (what, other, next) in others {
        fs::write(at.join("key.pem"), &other).expect("written");
        chmod(&at.join("key.pem"), 0o600);
        let refused = run(at, &import).expect(1).stderr;
        assert!(refused.contains("key.pem: "), "{what}: {refused}");
        assert!(refused.contains(next), "{what}: {refused}");
        assert!(!at.join("ca").exists(), "{what}");
    }
    write(at, "key.pem", "");
    let refused = run(at, &import).expect(1).stderr;
    assert!(refused.contains("key.pem has no content, and a private key is expected"), "{refused}");
    write(at, "key.pem", text(good));
    chmod(&at.join("key.pem"), 0o640);
    let refused = run(at, &import).expect(1).stderr;
    assert!(refused.contains("chmod 600 key.pem"), "{refused}");
    assert!(!at.join("ca").exists());
}

#[test]
fn an_import_that_is_killed_is_continued_and_another_key_is_refused() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    write(at, "key.pem", text(openssl_key(KeySize::Bits2048)));
    let import = ["ca", "import", "--key", "key.pem", "--dir", "ca"];
    let kills = at_each(WRITES, |point| {
        let _ = fs::remove_dir_all(at.join("ca"));
        let done = point.run(at, &import);
        if !at.join("ca/anchor.json").exists() {
            run(at, &import).expect(0);
        }
        run(at, &["ca", "check", "--dir", "ca"]).expect(0);
        done
    });
    assert!(kills > 10, "only {kills} kills");
    run(at, &import).expect(1);
    fs::remove_file(at.join("ca/anchor.json")).expect("removed");
    let other = openssl(&["genpkey", "-quiet", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"], b"");
    write(at, "other.pem", text(&other));
    let refused = run(at, &["ca", "import", "--key", "other.pem", "--dir", "ca"]).expect(1).stderr;
    assert!(refused.contains("next:"), "{refused}");
    run(at, &import).expect(0);
}

#[test]
fn an_imported_key_that_has_issued_before_knows_none_of_its_certificates_and_repeats_no_serial() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    let enrol = |dir: &str, subject: &str, out: &str| {
        let mut server = start(at, &["ca", "serve", "--dir", dir, "--listen", "127.0.0.1:0"]);
        let (ca, anchor) = (server.address("serving"), format!("{dir}/anchor.json"));
        let enroll =
            ["enroll", "--ca", &ca, "--anchor", &anchor, "--subject", subject, "--out", out, "--json"];
        let done = run(at, &enroll).expect(0);
        server.stop().expect(0);
        let done: Value = serde_json::from_str(&done.stdout).expect("one JSON value");
        done["serial_number"].as_u64().expect("a number")
    };
    run(at, &["ca", "init", "--dir", "old", "--issuer-id", "school"]).expect(0);
    let before = enrol("old", "alice", "before");
    run(at, &["ca", "import", "--key", "old/ca-key.pem", "--name", "school", "--dir", "new"]).expect(0);
    // The name and the key are the same, so are the anchors.
    let anchor = |dir: &str| fs::read(at.join(dir).join("anchor.json")).expect("a file");
    assert_eq!(anchor("old"), anchor("new"));
    run(at, &["verify", "--anchor", "new/anchor.json", "before/certificate.json"]).expect(0);
    let list = run(at, &["ca", "list", "--dir", "new", "--json"]).expect(0).stdout;
    assert_eq!(serde_json::from_str::<Value>(&list).expect("one JSON value"), Value::Array(Vec::new()));
    // The name is given away again, as the help page says. Serial numbers are random.
    let after = enrol("new", "alice", "after");
    assert_ne!(before, after);
    let help = run(at, &["ca", "import", "--help"]).expect(0).stdout;
    for text in ["this CA does not know them", "Serial numbers are random", "--require-token"] {
        assert!(help.contains(text), "{text:?} in {help}");
    }
}

#[test]
fn a_client_enrols_an_existing_key() {
    let folder = TempDir::new().expect("a folder");
    let at = folder.path();
    write(at, "right", "right");
    let key = openssl(&["genpkey", "-algorithm", "X25519"], b"");
    write(at, "plain.pem", text(&key));
    write(at, "scrypt.pem", text(&by_openssl(&key, &["-scrypt"])));
    write(at, "pbkdf2.pem", text(&by_openssl(&key, &[])));
    write(at, "other.pem", text(&openssl(&["genpkey", "-algorithm", "X25519"], b"")));
    write(at, "rsa.pem", text(openssl_key(KeySize::Bits2048)));
    run(at, &["ca", "init", "--dir", "ca"]).expect(0);
    let mut server = start(at, &["ca", "serve", "--dir", "ca", "--listen", "127.0.0.1:0"]);
    let ca = server.address("serving");
    let enroll = |key: &str, out: &str, options: &[&str]| {
        let command = ["enroll", "--ca", &ca, "--anchor", "ca/anchor.json", "--subject", "alice"];
        run(at, &[&command[..], &["--key", key, "--out", out], options].concat())
    };
    let right = ["--passphrase-file", "right"];
    enroll("plain.pem", "plain", &[]).expect(0);
    assert_eq!(fs::read(at.join("plain/key.pem")).expect("a file"), key);
    // The same key may have the name again.
    for name in ["scrypt", "pbkdf2"] {
        let file = format!("{name}.pem");
        let locked = enroll(&file, name, &[]).expect(1).stderr;
        assert!(locked.contains("--passphrase-file FILE"), "{locked}");
        assert!(!at.join(name).exists());
        enroll(&file, name, &right).expect(0);
        let stored = fs::read(at.join(name).join("key.pem")).expect("a file");
        assert!(stored.starts_with(b"-----BEGIN ENCRYPTED"));
        assert_eq!(openssl(&["pkey", "-passin", "pass:right"], &stored), key);
        enroll(&file, name, &right).expect(0);
    }
    // Another key is not taken into a folder that has one.
    let refused = enroll("other.pem", "plain", &[]).expect(1).stderr;
    assert!(refused.contains("has another key than the given one"), "{refused}");
    assert_eq!(fs::read(at.join("plain/key.pem")).expect("a file"), key);
    let refused = enroll("rsa.pem", "rsa", &[]).expect(1).stderr;
    assert!(refused.contains("rsa.pem has an RSA private key"), "{refused}");
    assert!(!at.join("rsa").exists());
    server.stop().expect(0);
}
