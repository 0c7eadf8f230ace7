//! A device with hostile and broken remotes. Each case has its own exit code.

use minipki_core::cert::Id;
use minipki_core::crypto::x25519;
use minipki_core::keys::Fingerprint;
use minipki_core::time::Now;
use minipki_core::trust::Validity;
use minipki_device_app::Exit;
use minipki_fixtures::certificates::{anchor, id};
use minipki_tests::device::{Config, Damage, Errand, TestBoard, config, connect, listen};
use minipki_tests::device_remotes::{Claims, HELLO, Remote, around_noon, good, noon};
use minipki_tests::peers::{CA, OTHER_CA, certificate, key_pair, trust};

fn clocked() -> TestBoard {
    TestBoard::new(Now::Exact(noon()))
}

/// Enrols a board and restarts it.
fn enrolled(board: TestBoard) -> TestBoard {
    let mut board = board.with_ca(Remote::ca(&trust(), good));
    assert_eq!(board.run(&config(Errand::Enrol)), Exit::Done, "{:?}", board.lines);
    board.restarted()
}

/// Runs an enrolment at `ca`. Checks that a failed one stores no certificate and makes no further connection.
fn at_ca(board: TestBoard, config: &Config<'_>, ca: Remote) -> (Exit, TestBoard) {
    let mut board = board.with_ca(ca);
    let exit = board.run(config);
    assert!(
        exit == Exit::Done || board.certificate().is_none() && board.passed.len() == 1,
        "{:?}",
        board.lines
    );
    (exit, board)
}

/// The exit of an enrolment at a CA that issues the certificate from `forge`.
fn granted(forge: impl Fn(Id<'_>, &x25519::PublicKey) -> Vec<u8> + 'static) -> Exit {
    at_ca(clocked(), &config(connect()), Remote::ca(&trust(), forge)).0
}

/// A listening device ends only after a connection that has opened a channel.
#[test]
fn a_listening_device_waits_for_a_peer_that_opens_a_channel() {
    let stranger = Claims::certified(OTHER_CA, "gateway", around_noon(-300, 3600));
    let mut board = enrolled(clocked())
        .with_peer(Remote::saying(b""))
        .with_peer(Remote::saying(b"GET / HTTP/1.1\r\n\r\n"))
        .with_peer(Remote::silent())
        .with_peer(Remote::initiator(stranger, &[HELLO]))
        .with_peer(Remote::initiator(Claims::of("gateway"), &[HELLO]))
        .with_peer(Remote::silent());
    assert_eq!(board.run(&config(listen())), Exit::Done);
    for reason in [Exit::PeerCut, Exit::PeerGarbage, Exit::PeerSilent, Exit::PeerOfAnotherCa] {
        assert!(board.reported(&format!("no channel ({}): {reason}", reason.code())), "{:?}", board.lines);
    }
    assert_eq!((board.reported("gateway: hello"), board.passed.len()), (true, 5), "{:?}", board.lines);
}

/// The exit of an enrolled device with a peer of these claims. Runs both sides of the handshake.
fn with_peer(config: Config<'_>, claims: &Claims) -> Exit {
    let exits = [
        (connect(), Remote::responder(claims.clone(), &[HELLO])),
        (listen(), Remote::initiator(claims.clone(), &[HELLO])),
    ]
    .map(|(errand, peer)| {
        let mut board = enrolled(clocked()).with_peer(peer);
        let exit = board.run(&Config { errand, ..config });
        assert_eq!(exit == Exit::Done, board.reported(": hello"), "{:?}", board.lines);
        assert_eq!(exit == Exit::Done, board.reported("sent: "), "{:?}", board.lines);
        (exit, board)
    });
    let [(connected, _), (waited, board)] = exits;
    check_listener(connected, waited, &board);
    connected
}

/// Checks that a listening device has reported `reason` and then waited for another peer until its deadline.
#[track_caller]
fn check_listener(reason: Exit, exit: Exit, board: &TestBoard) {
    if reason == Exit::Done {
        assert_eq!(exit, Exit::Done, "{:?}", board.lines);
    } else {
        assert_eq!(exit, Exit::PeerSilent, "{:?}", board.lines);
        assert!(board.reported(&format!("no channel ({}): {reason}", reason.code())), "{:?}", board.lines);
    }
}

fn valid_for(ca: minipki_core::crypto::rsa::KeySize, validity: Validity) -> Exit {
    with_peer(config(connect()), &Claims::certified(ca, "gateway", validity))
}

#[test]
fn an_honest_ca_and_an_honest_peer() {
    for (errand, peer) in [
        (connect(), Remote::responder(Claims::of("gateway"), &[HELLO])),
        (listen(), Remote::initiator(Claims::of("gateway"), &[HELLO])),
    ] {
        let mut board = clocked().with_ca(Remote::ca(&trust(), good)).with_peer(peer);
        assert_eq!(board.run(&config(errand)), Exit::Done);
        assert!(
            !board.reported("could not be checked"),
            "with a clock all dates are checked: {:?}",
            board.lines
        );
        assert!(board.reported("peer: gateway, certificate verified"), "{:?}", board.lines);
        let talk = ["sent: 21.5 degrees", "gateway: hello", "exit 0: done"];
        assert!(board.lines.ends_with(&talk.map(String::from)), "{:?}", board.lines);
        assert!(enrolled(clocked()).identity == board.identity, "the same entropy, the same identity");
    }
    assert_eq!(
        with_peer(Config { peer: Some(id("gateway")), ..config(connect()) }, &Claims::of("gateway")),
        Exit::Done
    );
}

#[test]
fn a_restart_opens_the_channel_without_an_enrolment() {
    let mut board = enrolled(clocked()).with_peer(Remote::responder(Claims::of("gateway"), &[]));
    assert_eq!(board.run(&config(connect())), Exit::Done);
    assert_eq!(board.lines[0], "identity: device, as stored");
    assert_eq!(board.passed.len(), 1, "the CA is not asked");
}

#[test]
fn an_identity_that_does_not_fit_is_not_used() {
    let whole = enrolled(clocked());
    let damaged = |at: usize| {
        let mut board = whole.restarted();
        board.identity.as_mut().expect("enrolled")[at] ^= 1;
        board
    };
    let mut shortened = whole.restarted();
    shortened.identity.as_mut().expect("enrolled").truncate(40);
    let enrolled_anew = |board: TestBoard, config: &Config<'_>| {
        let (exit, board) = at_ca(board.with_entropy(78), config, Remote::ca(&trust(), good));
        assert_eq!((exit, board.reported("enrolled until")), (Exit::Done, true), "{:?}", board.lines);
        board
    };
    // Damage to the private key and to the public key, and a record that is too short.
    for board in [damaged(3), damaged(40), shortened] {
        let board = enrolled_anew(board, &config(Errand::Enrol));
        assert_eq!(board.lines[0], "identity: the stored key is damaged");
        assert_ne!(board.key(), whole.key());
    }
    // Damage to the certificate, and another subject. The key stays the same.
    let other = Config { subject: id("another"), ..config(Errand::Enrol) };
    for (board, config) in [(damaged(90), config(Errand::Enrol)), (whole.restarted(), other)] {
        let board = enrolled_anew(board, &config);
        assert_eq!(board.lines[0], "identity: no usable certificate");
        assert_eq!(board.key(), whole.key());
    }
}

/// A wrong argument loses neither the key nor the certificate.
#[test]
fn a_wrong_argument_does_not_destroy_an_identity() {
    let whole = enrolled(clocked());
    let wrong = Config { fingerprint: Fingerprint([7; 32]), ..config(Errand::Enrol) };
    for ca in [Remote::ca(&trust(), good), Remote::saying(b""), Remote::silent()] {
        let mut board = whole.restarted().with_ca(ca);
        assert_ne!(board.run(&wrong), Exit::Done);
        assert_eq!(board.identity, whole.identity);
    }
}

#[test]
fn an_expired_identity_that_is_not_renewed_is_enrolled_with_its_key() {
    let mut board = enrolled(clocked());
    let key = board.identity.as_ref().expect("enrolled")[..32].to_vec();
    let later = around_noon(7200, 9000);
    board.now = Now::Exact(later.not_before());
    let renewed =
        move |subject: Id<'_>, key: &x25519::PublicKey| certificate(CA, subject.as_str(), key, later);
    // This CA has not changed its key, and refuses the renewal.
    let mut board = board
        .with_ca(Remote::changed(&[]))
        .with_ca(Remote::ca(&trust(), renewed))
        .with_ca(Remote::ca(&trust(), renewed));
    assert_eq!(board.run(&config(Errand::Enrol)), Exit::Done);
    assert!(board.reported("enrolled until"), "{:?}", board.lines);
    assert_eq!(board.identity.expect("enrolled")[..32], key);
}

#[test]
fn a_refused_proof_is_reported_without_details() {
    let wrong = Config { fingerprint: anchor(OTHER_CA).fingerprint(), ..config(connect()) };
    let (exit, board) = at_ca(clocked(), &wrong, Remote::ca(&trust(), good));
    assert_eq!(exit, Exit::ProofRefused);
    assert!(board.reported("the CA refused (proof_failed): "), "{:?}", board.lines);
    let token = Some(minipki_device_app::Token("not-known-there"));
    let (exit, board) = at_ca(clocked(), &Config { token, ..config(connect()) }, Remote::ca(&trust(), good));
    assert_eq!(exit, Exit::ProofRefused);
    assert!(!board.reported("not-known-there"), "the token is shown");
}

#[test]
fn a_certificate_of_a_ca_with_another_key_is_refused() {
    let own = |subject: Id<'_>, key: &x25519::PublicKey| {
        certificate(OTHER_CA, subject.as_str(), key, around_noon(-300, 3600))
    };
    assert_eq!(at_ca(clocked(), &config(connect()), Remote::impostor(own)).0, Exit::WrongFingerprint);
    let pinned = Config { fingerprint: Fingerprint([7; 32]), ..config(connect()) };
    assert_eq!(at_ca(clocked(), &pinned, Remote::impostor(good)).0, Exit::WrongFingerprint);
}

#[test]
fn only_the_certificate_that_was_asked_for_is_accepted() {
    let valid = || around_noon(-300, 3600);
    assert_eq!(granted(move |_, key| certificate(CA, "mallory", key, valid())), Exit::CertificateRefused);
    assert_eq!(granted(|subject, _| good(subject, key_pair(9).public())), Exit::CertificateRefused);
    let changed = |subject: Id<'_>, key: &x25519::PublicKey| {
        let text = String::from_utf8(good(subject, key)).expect("text");
        text.replace("\"serial_number\":4242", "\"serial_number\":4243").into_bytes()
    };
    assert_eq!(granted(changed), Exit::CertificateRefused);
    let at = |from, to| {
        move |subject: Id<'_>, key: &x25519::PublicKey| {
            certificate(CA, subject.as_str(), key, around_noon(from, to))
        }
    };
    // A signed certificate that is not valid now is stored, because the device's clock may be wrong.
    for (certificate, reason) in
        [(at(-7200, -3600), Exit::CertificateExpired), (at(3600, 7200), Exit::CertificateNotYetValid)]
    {
        let mut board = clocked().with_ca(Remote::ca(&trust(), certificate));
        assert_eq!(board.run(&config(connect())), reason);
        assert!(!board.reported("peer: ") && board.passed.len() == 1, "the device does not use it");
    }
}

#[test]
fn garbage_in_place_of_a_ca_is_reported() {
    let end = |other| at_ca(clocked(), &config(connect()), other).0;
    for garbage in
        [&b"HTTP/1.1 400 Bad Request\r\n\r\n"[..], b"\0\0\0\0", b"\0\0\0\x05hello", b"\0\0\0\x02{}"]
    {
        assert_eq!(end(Remote::saying(garbage)), Exit::CaGarbage, "{garbage:?}");
    }
    assert_eq!(end(Remote::saying(b"")), Exit::CaCut);
    assert_eq!(end(Remote::silent()), Exit::CaSilent);
    assert_eq!(
        end(Remote::saying(
            b"\0\0\0\x3a{\"code\":\"subject_taken\",\"error\":\"name is used\",\"ok\":false}"
        )),
        Exit::CaRefused
    );
    assert_eq!(
        end(Remote::saying(
            b"\0\0\0\x3a{\"code\":\"token_invalid\",\"error\":\"ask an admin\",\"ok\":false}"
        )),
        Exit::TokenRefused
    );
    assert_eq!(clocked().run(&config(connect())), Exit::CaUnreachable);
}

#[test]
fn an_unverified_peer_is_sent_nothing() {
    assert_eq!(valid_for(OTHER_CA, around_noon(-300, 3600)), Exit::PeerOfAnotherCa);
    assert_eq!(valid_for(CA, around_noon(-7200, -3600)), Exit::PeerExpired);
    assert_eq!(valid_for(CA, around_noon(3600, 7200)), Exit::PeerNotYetValid);
    let stolen = Claims { key: key_pair(9), ..Claims::of("gateway") };
    assert_eq!(with_peer(config(connect()), &stolen), Exit::PeerKeyDiffers);
    let changed =
        String::from_utf8(Claims::of("gateway").certificate).expect("text").replace(":4242,", ":4243,");
    let changed = Claims { certificate: changed.into_bytes(), ..Claims::of("gateway") };
    assert_eq!(with_peer(config(connect()), &changed), Exit::PeerCertificateRefused);
    let wanted = Config { peer: Some(id("gateway")), ..config(connect()) };
    assert_eq!(with_peer(wanted, &Claims::of("mallory")), Exit::PeerIsAnother);
}

#[test]
fn a_refusal_by_the_peer_is_reported_with_its_code() {
    let elsewhere = Claims { anchor: anchor(OTHER_CA), ..Claims::of("gateway") };
    let other = Claims { peer: Some(id("someone").into()), ..Claims::of("gateway") };
    for claims in [elsewhere, other] {
        for (errand, peer) in [
            (connect(), Remote::responder(claims.clone(), &[HELLO])),
            (listen(), Remote::initiator(claims.clone(), &[HELLO])),
        ] {
            let mut board = enrolled(clocked()).with_peer(peer);
            let exit = board.run(&config(errand));
            if errand == connect() {
                assert_eq!(exit, Exit::PeerRefused);
            } else {
                check_listener(Exit::PeerRefused, exit, &board);
            }
            assert!(board.reported("the peer refused (certificate_refused): "), "{:?}", board.lines);
        }
    }
}

#[test]
fn a_refusal_by_the_peer_is_read_even_after_sending_has_failed() {
    let refusing = || Remote::responder(Claims { anchor: anchor(OTHER_CA), ..Claims::of("gateway") }, &[]);
    let mut board = enrolled(clocked()).with_peer(refusing());
    assert_eq!(board.run(&config(connect())), Exit::PeerRefused);
    // The last two frames follow the handshake: a chat message and the close message.
    let sent = board.passed[0].borrow().outgoing;
    let handshake = sent - (4 + br#"{"text":"21.5 degrees","type":"chat"}"#.len() + 16) - (4 + 16);
    for at in handshake..sent {
        let damage = Damage { outgoing: Some(at), ..Damage::default() };
        let mut board = enrolled(clocked()).with_damaged_peer(refusing(), damage);
        assert_eq!(board.run(&config(connect())), Exit::PeerRefused, "{at}");
    }
}

#[test]
fn garbage_in_place_of_a_peer_is_reported() {
    for (other, reason) in [
        (&b"SSH-2.0-OpenSSH\r\n"[..], Exit::PeerGarbage),
        (b"\0\0\0\x02{}", Exit::PeerGarbage),
        (b"", Exit::PeerCut),
    ] {
        assert_eq!(enrolled(clocked()).with_peer(Remote::saying(other)).run(&config(connect())), reason);
        let mut board = enrolled(clocked()).with_peer(Remote::saying(other));
        let exit = board.run(&config(listen()));
        check_listener(reason, exit, &board);
    }
    for errand in [connect(), listen()] {
        assert_eq!(enrolled(clocked()).with_peer(Remote::silent()).run(&config(errand)), Exit::PeerSilent);
    }
    assert_eq!(enrolled(clocked()).run(&config(connect())), Exit::PeerUnreachable);
    assert_eq!(enrolled(clocked()).run(&config(listen())), Exit::PeerSilent, "no connection");
}

#[test]
fn messages_that_a_device_cannot_read_are_skipped() {
    let bodies: [&[u8]; 4] =
        [br#"{"text":"caf\u00e9","type":"chat"}"#, b"hello", br#"{"text":"x","type":"wave"}"#, HELLO];
    let mut board = enrolled(clocked()).with_peer(Remote::responder(Claims::of("gateway"), &bodies));
    assert_eq!(board.run(&config(connect())), Exit::Done);
    assert_eq!(board.lines.iter().filter(|line| line.starts_with("skipped a message")).count(), 3);
    assert!(board.reported("gateway: hello"), "{:?}", board.lines);
}
