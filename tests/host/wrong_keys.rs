//! Keys of another kind or form: each is named, with the command that converts it.

use std::fs;
use std::path::Path;
use std::process::Command;

use minipki_fixtures::openssl;
use minipki_tests::ca::chmod;
use minipki_tests::program::run;

use super::cli::served;

/// Runs `openssl` with the lines that an advice gives, in `at`.
fn convert(at: &Path, advice: &str) -> String {
    let (_, command) = advice.split_once("openssl ").expect("a command");
    let arguments: Vec<_> = command.lines().next().unwrap_or_default().split_whitespace().collect();
    let status = Command::new("openssl").args(&arguments).current_dir(at).status().expect("openssl runs");
    assert!(status.success(), "openssl {command}");
    let out = arguments.iter().position(|word| *word == "-out").expect("a file");
    arguments[out + 1].to_owned()
}

#[test]
fn a_wrong_key_is_named_with_the_command_that_converts_it() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    let x25519 = openssl(&["genpkey", "-algorithm", "X25519"], b"");
    let rsa = fs::read(at.join("ca/ca-key.pem")).expect("a file");
    let ed25519 = openssl(&["genpkey", "-algorithm", "Ed25519"], b"");
    let p256 = openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"], b"");
    let der = |key: &[u8]| openssl(&["pkcs8", "-topk8", "-nocrypt", "-outform", "DER"], key);
    let put = |content: &[u8]| {
        fs::write(at.join("key.pem"), content).expect("written");
        chmod(&at.join("key.pem"), 0o600);
    };
    let enroll = |key: &str, out: &str| {
        run(
            at,
            &[
                "enroll",
                "--ca",
                &ca,
                "--anchor",
                "ca/anchor.json",
                "--subject",
                out,
                "--out",
                out,
                "--key",
                key,
            ],
        )
    };
    // For an identity.
    let others = [
        (rsa.clone(), "an RSA private key"),
        (openssl(&["rsa", "-traditional"], &rsa), "an RSA private key in the form of PKCS#1"),
        (ed25519.clone(), "an Ed25519 private key"),
        (p256.clone(), "a P-256 private key"),
        (openssl(&["ec"], &p256), "an elliptic-curve private key in the form of SEC 1"),
        (der(&rsa), "an RSA private key in DER"),
        (openssl(&["pkey", "-pubout"], &x25519), "an X25519 public key"),
    ];
    for (key, seen) in others {
        put(&key);
        let refused = enroll("key.pem", "a").expect(1).stderr;
        assert!(refused.contains(&format!("key.pem has {seen}")), "{seen}: {refused}");
        assert!(refused.contains("openssl genpkey -algorithm X25519 -out x25519.pem"), "{refused}");
        assert!(!at.join("a").exists());
    }
    put(&der(&x25519));
    let refused = enroll("key.pem", "a").expect(1).stderr;
    assert!(refused.contains("key.pem has an X25519 private key in DER"), "{refused}");
    let converted = convert(at, &refused);
    chmod(&at.join(&converted), 0o600);
    enroll(&converted, "a").expect(0);
    assert_eq!(fs::read(at.join("a/key.pem")).expect("a file"), x25519);

    // For a CA.
    let import = |key: &str, dir: &str| run(at, &["ca", "import", "--key", key, "--dir", dir]);
    for (key, seen) in [
        (x25519, "an X25519 private key"),
        (ed25519, "an Ed25519 private key"),
        (p256, "a P-256 private key"),
        (openssl(&["pkey", "-pubout"], &rsa), "an RSA public key"),
    ] {
        put(&key);
        let refused = import("key.pem", "b").expect(1).stderr;
        assert!(refused.contains(&format!("it has {seen}")), "{seen}: {refused}");
        assert!(refused.contains("openssl genpkey -algorithm RSA"), "{refused}");
    }
    for (number, (key, seen)) in [
        (der(&rsa), "an RSA private key in DER"),
        (
            openssl(&["rsa", "-traditional", "-outform", "DER"], &rsa),
            "an RSA private key in the form of PKCS#1 in DER",
        ),
    ]
    .into_iter()
    .enumerate()
    {
        put(&key);
        let refused = import("key.pem", "c").expect(1).stderr;
        assert!(refused.contains(seen), "{refused}");
        let converted = convert(at, &refused);
        chmod(&at.join(&converted), 0o600);
        import(&converted, &format!("ca-{number}")).expect(0);
        assert_eq!(fs::read(at.join(format!("ca-{number}/ca-key.pem"))).expect("a file"), rsa);
    }

    // For an anchor.
    let public = openssl(&["pkey", "-pubout"], &rsa);
    for (key, seen) in [
        (rsa, "an RSA private key"),
        (openssl(&["pkey", "-pubin", "-outform", "DER"], &public), "an RSA public key in DER"),
        (
            openssl(&["rsa", "-pubin", "-RSAPublicKey_out"], &public),
            "an RSA public key in the form of PKCS#1",
        ),
    ] {
        put(&key);
        let verify = |anchor: &str| run(at, &["verify", "--anchor", anchor, "a/certificate.json"]);
        let refused = verify("key.pem").expect(4).stderr;
        assert!(refused.contains(&format!("key.pem has {seen}")), "{seen}: {refused}");
        verify(&convert(at, &refused)).expect(0);
    }
}
