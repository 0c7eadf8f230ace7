//! The arguments of a device, which are the same on every board.

use std::time::Duration;

use minipki_core::keys::Fingerprint;
use minipki_core::trust::StatusRule;
use minipki_device_app::{Exit, Text, UsageError};
use minipki_fixtures::certificates::id;
use minipki_tests::device::{Config, Errand};

const HEX: &str = "0707070707070707070707070707070707070707070707070707070707070707";

fn parse<'a>(arguments: &'a str) -> Result<Config<'a>, UsageError<'a>> {
    Config::parse(arguments.split_ascii_whitespace())
}

#[test]
fn the_arguments_make_a_configuration() {
    let arguments = format!("--ca 10.0.2.2:9000 --fingerprint {HEX} --subject board-1");
    let config = parse(&arguments).expect("enough");
    assert_eq!((config.ca, config.fingerprint), (([10, 0, 2, 2], 9000).into(), Fingerprint([7; 32])));
    assert_eq!((config.subject, config.errand), (id("board-1"), Errand::Enrol));
    assert!(config.token.is_none() && config.peer.is_none() && config.send.is_none());

    let more = "--token secret --listen 0.0.0.0:9101 --peer-subject gateway --send warm --deadline 5";
    let arguments = format!("{arguments} {more}");
    let config = parse(&arguments).expect("everything");
    assert_eq!(config.errand, Errand::Listen(([0, 0, 0, 0], 9101).into()));
    assert_eq!((config.peer, config.deadline), (Some(id("gateway")), Duration::from_secs(5)));
    assert_eq!(config.send.map(Text::as_str), Some("warm"));
    assert_eq!(config.token.map(|token| token.0), Some("secret"));
    assert!(!format!("{config:?}").contains("secret"), "the token is shown");

    assert_eq!(config.status, StatusRule::Optional);
    for (more, rule) in [
        ("--require-status", StatusRule::Required),
        ("--max-status-age 600", StatusRule::MaxAge(600)),
        ("--require-status --max-status-age 600", StatusRule::MaxAge(600)),
        ("--max-status-age 600 --require-status", StatusRule::MaxAge(600)),
    ] {
        let arguments = format!("{arguments} {more}");
        assert_eq!(parse(&arguments).map(|config| config.status), Ok(rule), "{more}");
    }
}

#[test]
fn wrong_arguments_are_named() {
    let whole = format!("--ca 10.0.2.2:9000 --fingerprint {HEX} --subject board-1");
    for (more, wrong) in [
        ("--sned x", UsageError::Unknown("--sned")),
        ("--send", UsageError::NoValue("--send")),
        ("--ca somewhere", UsageError::Value { option: "--ca", value: "somewhere" }),
        ("--subject a/b", UsageError::Value { option: "--subject", value: "a/b" }),
        ("--max-status-age 0", UsageError::Value { option: "--max-status-age", value: "0" }),
        ("--deadline 0", UsageError::Value { option: "--deadline", value: "0" }),
        ("--listen 0.0.0.0:1 --connect 10.0.2.2:1", UsageError::TwoErrands),
    ] {
        assert_eq!(parse(&format!("{whole} {more}")).err().map(|e| e.to_string()), Some(wrong.to_string()));
    }
    for option in ["--ca", "--fingerprint", "--subject"] {
        let arguments: Vec<_> = whole.split(' ').collect();
        let arguments = arguments.chunks(2).filter(|pair| pair[0] != option).flatten().copied();
        assert_eq!(Config::parse(arguments).err(), Some(UsageError::Missing(option)));
    }
}

#[test]
fn a_text_needs_no_escape() {
    for text in ["", "caf\u{e9}", "a\"b", "a\\b", "a\nb", &"x".repeat(257)] {
        assert!(Text::new(text).is_err(), "{text:?}");
    }
    assert_eq!(Text::new(&"x".repeat(256)).map(|text| text.as_str().len()), Ok(256));
}

#[test]
fn each_reason_has_its_own_number_and_sentence() {
    let all = [
        (Exit::Done, 0),
        (Exit::Internal, 1),
        (Exit::Usage, 2),
        (Exit::Storage, 3),
        (Exit::CannotListen, 4),
        (Exit::CaUnreachable, 10),
        (Exit::CaSilent, 11),
        (Exit::CaCut, 12),
        (Exit::CaGarbage, 13),
        (Exit::ProofRefused, 14),
        (Exit::TokenRefused, 15),
        (Exit::CaRefused, 16),
        (Exit::WrongFingerprint, 17),
        (Exit::CertificateRefused, 18),
        (Exit::CertificateExpired, 19),
        (Exit::CertificateNotYetValid, 20),
        (Exit::Replayed, 21),
        (Exit::Revoked, 22),
        (Exit::PeerUnreachable, 30),
        (Exit::PeerSilent, 31),
        (Exit::PeerCut, 32),
        (Exit::PeerGarbage, 33),
        (Exit::PeerRefused, 34),
        (Exit::PeerOfAnotherCa, 35),
        (Exit::PeerCertificateRefused, 36),
        (Exit::PeerExpired, 37),
        (Exit::PeerNotYetValid, 38),
        (Exit::PeerKeyDiffers, 39),
        (Exit::PeerIsAnother, 40),
        (Exit::NotAuthentic, 41),
        (Exit::PeerRevoked, 42),
        (Exit::PeerStatusRefused, 43),
    ];
    assert!(all.iter().all(|(exit, code)| exit.code() == *code), "scripts depend on the numbers");
    let sentences: std::collections::BTreeSet<_> = all.iter().map(|(exit, _)| exit.to_string()).collect();
    assert_eq!(sentences.len(), all.len());
}
