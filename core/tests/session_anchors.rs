//! The request for the changes of a CA's key, at the client.

use minipki_core::cert::{Anchor, AnchorUpdate, Error};
use minipki_core::crypto::Portable;
use minipki_core::crypto::rsa::KeySize::{Bits2048, Bits3072, Bits4096};
use minipki_core::session::{self, AnchorsOutcome, AnchorsQuery, CaServer, ClientRequest, PeerMisbehaved};
use minipki_core::wire::{Code, Response, WireError};
use minipki_fixtures::anchors::{array, followed, sign_update, update, with_fields};
use minipki_fixtures::ca::{Answer, ask, respond};
use minipki_fixtures::certificates::{anchor, issue, sample};
use minipki_fixtures::rsa_keys::public;
use minipki_fixtures::statuses::{good, state};

fn query(anchor: &Anchor) -> AnchorsQuery<'_> {
    AnchorsQuery { provider: Portable::new(), anchor }
}

/// The outcome of a client that asks with `anchor` and gets `updates`.
fn asked(anchor: &Anchor, updates: &[Vec<u8>]) -> Result<AnchorsOutcome, session::Error> {
    let array = array(updates);
    let answer = |request| {
        assert!(matches!(request, ClientRequest::Anchors));
        respond(Response::Anchors(&array))
    };
    ask(query(anchor), &mut CaServer::new(Portable::new()), 1, answer).map(|(outcome, _)| outcome)
}

#[test]
fn a_client_follows_from_its_own_key_to_the_last_one() {
    let chain = [update(Bits2048, Bits3072), update(Bits3072, Bits4096)];
    let mut both = followed();
    let second = AnchorUpdate::parse(&chain[1]).expect("well formed");
    both.follow(Portable::new(), &second).expect("a genuine update");
    assert_eq!(asked(&anchor(Bits2048), &chain), Ok(AnchorsOutcome::Followed(both.clone())));
    assert_eq!(asked(&followed(), &chain), Ok(AnchorsOutcome::Followed(both.clone())));
    assert_eq!(asked(&both, &chain), Ok(AnchorsOutcome::Unchanged));
    assert_eq!(asked(&anchor(Bits2048), &[]), Ok(AnchorsOutcome::Unchanged));
}

#[test]
fn a_client_never_goes_back_and_says_if_it_cannot_follow() {
    let refused = |anchor: &Anchor, updates: &[Vec<u8>]| match asked(anchor, updates) {
        Err(session::Error::InvalidCertificate(error)) => error,
        other => panic!("{other:?}"),
    };
    let (first, second) = (update(Bits2048, Bits3072), update(Bits3072, Bits4096));
    let mut both = followed();
    both.follow(Portable::new(), &AnchorUpdate::parse(&second).expect("well formed"))
        .expect("a genuine update");
    // Earlier states of the CA.
    assert_eq!(refused(&both, &[]), Error::UpdateBackwards);
    assert_eq!(refused(&both, std::slice::from_ref(&first)), Error::UpdateBackwards);
    // The first change is missing, or is another one.
    assert_eq!(refused(&anchor(Bits2048), std::slice::from_ref(&second)), Error::UpdatePrevious);
    let elsewhere = update(Bits4096, Bits2048);
    assert_eq!(refused(&anchor(Bits2048), &[first.clone(), elsewhere]), Error::UpdateBackwards);
    let forged = with_fields(Bits2048, Bits3072, |fields| sign_update(&fields, Bits3072));
    assert!(matches!(refused(&anchor(Bits2048), &[forged]), Error::UpdateSignature(_)));
    assert_eq!(
        refused(&<Anchor>::from_fingerprint(anchor(Bits2048).fingerprint()), &[first]),
        Error::AnchorIncomplete
    );
}

#[test]
fn a_query_for_anchors_has_no_other_response() {
    let pinned = anchor(Bits2048);
    let (text, status) = (issue(&sample(&public(Bits2048)), Bits2048), state(&good(Bits2048), Bits2048));
    for response in [Response::Issued(&text), Response::Status(&status)] {
        let ended = ask(query(&pinned), &mut CaServer::new(Portable::new()), 1, |_| respond(response));
        assert_eq!(ended.map(drop), Err(PeerMisbehaved::OutOfTurn.into()));
    }
    for array in ["{}", "7", "[7]", "[null]", "[{}", "[{}]]", "[{},]"] {
        let body = format!(r#"{{"anchors":{array},"ok":true}}"#).into_bytes();
        let ended =
            ask(query(&pinned), &mut CaServer::new(Portable::new()), 1, |_| Answer::Body(body.clone()));
        let error = ended.map(drop).expect_err(array);
        assert!(
            matches!(
                error,
                session::Error::InvalidMessage(WireError::Json(_))
                    | session::Error::InvalidCertificate(Error::UpdateJson(_))
            ),
            "{array}: {error:?}"
        );
    }
    let refuse = |_| Answer::Refuse(Code::Busy);
    let (outcome, body) =
        ask(query(&pinned), &mut CaServer::new(Portable::new()), 1, refuse).expect("an outcome");
    let AnchorsOutcome::Refused { code, text } = outcome else { panic!("{outcome:?}") };
    assert_eq!((code, &body[text]), (Code::Busy, Code::Busy.text().as_bytes()));
}
