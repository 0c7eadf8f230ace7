//! The option `--trace` and `minipki inspect`: they explain every message and file, and show no secret.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;

use minipki_core::bytes::Secret;
use minipki_core::crypto::{Hash, Kdf, KeyPair, Portable};
use minipki_core::encoding::base64;
use minipki_net::trace::explain::hex;
use minipki_tests::program::{run, run_with, start};

use super::cli::{enrolled, served};

/// Fails if `output` shows a part of the private key file `pem`.
pub(crate) fn holds_nothing_of(output: &str, pem: &str) {
    for line in pem.lines().filter(|line| !line.starts_with("-----")) {
        assert!(!output.contains(line), "a line of the key file is shown");
    }
    if let Ok(pair) = KeyPair::from_pkcs8_pem(Portable::new(), pem.as_bytes()) {
        hides(output, "the private key", pair.secret().expose());
    }
}

/// Fails if `output` shows the first bytes of `secret`, in hexadecimal or base64.
fn hides(output: &str, name: &str, secret: &[u8]) {
    let mut room = [0; 64];
    let in_base64 = base64::encode(secret, &mut room).expect("the buffer is large enough");
    for spelled in [&hex(secret)[..12], &hex(secret).to_uppercase()[..12], &in_base64[..10]] {
        assert!(!output.contains(spelled), "{name} is shown as {spelled}");
    }
}

/// Fails unless `output` has all these `words` and so many `messages`, each of them explained.
fn explains(output: &str, messages: usize, words: &str) {
    for word in words.split_whitespace() {
        assert!(output.contains(word), "{word} is not explained in:\n{output}");
    }
    assert_eq!(output.matches("checks next").count(), messages, "{messages} messages:\n{output}");
    assert!(!output.contains("does not belong"), "a field that the table does not know:\n{output}");
    fits_a_terminal(output);
}

/// The shared secret of `pair` and the first share in `output`.
fn shared_secret(output: &str, pair: &KeyPair) -> Secret<32> {
    let share = output.split("ca_share_b64").nth(1).and_then(|rest| rest.split_whitespace().next());
    let share = base64::decode_array(share.expect("the share is shown")).expect("in full");
    pair.agree(&share).expect("a valid share")
}

/// Fails if a line of the trace in `output` is wider than a terminal. Other lines begin without two spaces.
fn fits_a_terminal(output: &str) {
    for line in output.lines().filter(|line| line.starts_with("  ") || line.contains(" -> ")) {
        assert!(line.chars().count() <= 80, "longer than 80 columns: {line}");
    }
}

#[test]
fn an_enrolment_is_explained_and_its_secrets_are_not_shown() {
    let (folder, server, ca) = served(&["--require-token", "--trace"]);
    let at = folder.path();
    let token = run(at, &["ca", "token", "--dir", "ca", "--subject", "alice"]).expect(0).stdout;
    let token = token.trim_end();
    let enroll = [
        "enroll",
        "--ca",
        &ca,
        "--subject",
        "alice",
        "--anchor",
        "ca/anchor.json",
        "--out",
        "alice",
        "--trace",
    ];
    let client = run_with(at, &enroll, &[("MINIPKI_TOKEN", token)]).expect(0);
    let server = server.stop().expect(0);

    let pem = fs::read_to_string(at.join("alice/key.pem")).expect("the file exists");
    let pair = KeyPair::from_pkcs8_pem(Portable::new(), pem.as_bytes()).expect("a key");
    let ca_pem = fs::read_to_string(at.join("ca/ca-key.pem")).expect("the file exists");
    for output in [&client.stderr, &server.stderr] {
        let fields = "length nonce_b64 public_key_algo public_key_value_b64 subject_id type ca_share_b64 proof_b64 \
                      certificate ca_signature_b64 issuer_id issuer_public_key_pem_b64 serial_number \
                      subject_public_key_info algorithm_id validity not_after not_before ok \
                      enroll_request enroll_challenge enroll_proof granted";
        explains(output, 4, fields);
        holds_nothing_of(output, &pem);
        holds_nothing_of(output, &ca_pem);
        assert!(!output.contains(token) && !output.contains(&token[..10]), "the token is shown");
        let salt = Portable::new().sha256(&[token.as_bytes()]);
        hides(output, "the token's hash", &salt);
        let shared = shared_secret(output, &pair);
        hides(output, "the shared secret", shared.expose());
        let (mut key, prk) = ([0; 32], Portable::new().extract(&salt, shared.expose()));
        Portable::new().expand(&prk, b"MiniPKI/1 enrol key", &mut key).expect("32 bytes");
        hides(output, "the proof's key", &key);
    }
}

#[test]
fn a_status_and_a_revocation_are_explained_and_their_secrets_are_not_shown() {
    let (folder, server, ca) = served(&["--trace"]);
    let at = folder.path();
    enrolled(at, &ca, "alice");
    let status = run(at, &["status", "--identity", "alice", "--trace"]).expect(0).stderr;
    let revoke = ["revoke", "--identity", "alice", "--reason", "superseded", "--trace"];
    let revocation = run(at, &revoke).expect(0).stderr;
    let again = run(at, &["status", "--identity", "alice", "--trace"]).expect(4).stderr;
    // The status for the folder, and another one with a nonce.
    let fields = "length nonce_b64 serial_number type ok status ca_signature_b64 issuer_id issuer_key_sha256 \
                  next_update number this_update status_request certificate_status";
    explains(&status, 4, fields);
    explains(&again, 4, &format!("{fields} reason superseded revoked_at"));
    let fields = "length nonce_b64 reason superseded serial_number type ca_share_b64 proof_b64 ok revoked \
                  revoked_at revoke_request enroll_challenge enroll_proof";
    explains(&revocation, 8, fields);

    let pem = fs::read_to_string(at.join("alice/key.pem")).expect("the file exists");
    let pair = KeyPair::from_pkcs8_pem(Portable::new(), pem.as_bytes()).expect("a key");
    let shared = shared_secret(&revocation, &pair);
    let (mut key, prk) = ([0; 32], Portable::new().extract(&[], shared.expose()));
    Portable::new().expand(&prk, b"MiniPKI/1 revoke key", &mut key).expect("32 bytes");
    let served = server.stop().expect(0).stderr;
    // The enrolment has four messages, too.
    explains(&served, 20, "enroll_request status_request revoke_request certificate_status revoked");
    let ca_pem = fs::read_to_string(at.join("ca/ca-key.pem")).expect("the file exists");
    for output in [&status, &revocation, &again, &served] {
        holds_nothing_of(output, &pem);
        holds_nothing_of(output, &ca_pem);
        hides(output, "the shared secret", shared.expose());
        hides(output, "the proof's key", &key);
    }
}

#[test]
fn a_channel_is_explained_from_the_first_message_to_the_last() {
    let (folder, _server, ca) = served(&[]);
    let at = folder.path();
    for name in ["alice", "bob"] {
        enrolled(at, &ca, name);
        // Each of them shows this status with its certificate.
        run(at, &["status", "--identity", name]).expect(0);
    }
    let listen =
        ["listen", "--identity", "bob", "--listen", "127.0.0.1:0", "--once", "--expect", "hello", "--trace"];
    let mut listener = start(at, &listen);
    let peer = listener.address("listening");
    let connect = ["connect", "--identity", "alice", "--peer", &peer, "--send", "hello", "--trace"];
    let connected = run(at, &connect).expect(0);
    let listened = listener.wait().expect(0);
    assert_eq!(
        (connected.stdout.as_str(), listened.stdout.as_str()),
        ("", "hello\n"),
        "the trace is not on standard output"
    );
    for output in [&connected.stderr, &listened.stderr] {
        for word in [
            "handshake_1",
            "handshake_2",
            "handshake_3",
            "payload",
            "certificate_status",
            "encrypted message",
            "ciphertext",
            "tag",
            "plaintext",
            "\"hello\"",
            "closes this direction",
        ] {
            assert!(output.contains(word), "{word} is not in:\n{output}");
        }
        assert!(!output.contains("does not belong"), "a field that the table does not know:\n{output}");
        fits_a_terminal(output);
        for name in ["alice", "bob"] {
            let shown = output.lines().any(|line| line.contains("subject_id") && line.contains(name));
            assert!(shown, "the certificate of {name}, which travels encrypted, is not in:\n{output}");
            let pem = fs::read_to_string(at.join(name).join("key.pem")).expect("the file exists");
            holds_nothing_of(output, &pem);
        }
    }
}

#[test]
fn the_files_of_a_revocation_are_explained() {
    let (folder, server, ca) = served(&[]);
    let at = folder.path();
    for name in ["a", "b", "c", "d", "e"] {
        enrolled(at, &ca, name);
        run(at, &["ca", "revoke", "--dir", "ca", "--subject", name, "--reason", "superseded"]).expect(0);
    }
    run(at, &["status", "--identity", "a"]).expect(4);
    run(at, &["ca", "revocations", "--dir", "ca", "--out", "list.json"]).expect(0);
    server.stop().expect(0);
    let address = format!("address {ca}");
    for (file, words) in [
        ("a/status.json", "certificate_status status revoked reason superseded revoked_at this_update"),
        ("a/ca.json", address.as_str()),
        ("list.json", "revocation_list revoked entry reason superseded serial_number others number"),
    ] {
        let shown = run(at, &["inspect", file]).expect(0).stdout;
        explains(&shown, 0, words);
    }
    let list = run(at, &["inspect", "list.json"]).expect(0).stdout;
    assert!(list.contains("5 entries") && list.contains("entry 3") && list.contains("2 entries"), "{list}");
    assert!(!list.contains("entry 4"), "{list}");
    for file in ["a/status.json", "list.json"] {
        let text = fs::read_to_string(at.join(file)).expect("the file exists");
        fs::write(at.join("spaced.json"), text.replace(':', ": ")).expect("the file can be written");
        run(at, &["inspect", "spaced.json"]).expect(4);
    }
}

#[test]
fn a_malformed_message_is_shown_escaped() {
    let (_folder, server, ca) = served(&["--trace"]);
    let mut body = b"{\x1b[31m\r\n\0".to_vec();
    body.resize(3000, b'A');
    let mut stream = TcpStream::connect(ca).expect("the server listens");
    let frame = [&(body.len() as u32).to_be_bytes()[..], &body].concat();
    stream.write_all(&frame).expect("the server reads");
    let mut header = [0; 4];
    stream.read_exact(&mut header).expect("the server answers");
    drop(stream);
    let shown = server.stop().expect(0).stderr;
    assert!(shown.contains("malformed") && shown.contains("\\u{1b}[31m"), "{shown}");
    assert!(shown.contains("bad_json"), "the refusal is explained: {shown}");
    assert!(
        !shown.contains('\u{1b}')
            && !shown.contains("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")
    );
    fits_a_terminal(&shown);
}
