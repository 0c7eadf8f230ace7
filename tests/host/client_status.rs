//! The status that an identity keeps in its folder, with a CA that answers as the test wants.

use std::fs;

use minipki_client::CaContact;
use minipki_core::cert::TbsStatus;
use minipki_core::limits::FRAME_BODY;
use minipki_core::trust::{CertStatus, RevocationReason};
use minipki_core::wire::Response;
use minipki_fixtures::statuses::{good, revocation, state};
use minipki_tests::peers::{CA, identity, keep, now};
use minipki_tests::server::{receive, send};
use tempfile::TempDir;
use tokio::net::TcpListener;

/// A CA that answers one connection after the other with these statuses.
async fn stating(statuses: Vec<Vec<u8>>) -> CaContact {
    let socket = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = socket.local_addr().expect("bound").to_string();
    tokio::spawn(async move {
        for status in statuses {
            let (mut stream, _) = socket.accept().await.expect("a client");
            receive(&mut stream).await;
            let mut body = [0; FRAME_BODY];
            let len = Response::Status(&status).encode(&mut body).expect("room");
            send(&mut stream, &body[..len]).await;
        }
    });
    CaContact::new(address)
}

#[tokio::test]
async fn an_earlier_answer_does_not_replace_a_newer_status() {
    let folder = TempDir::new().expect("a folder");
    let (at, alice) = (folder.path().join("alice"), identity("alice"));
    keep(&at, &alice);
    let until = now().checked_add_seconds(3600).expect("a time");
    let fields = TbsStatus {
        serial_number: alice.serial_number(),
        this_update: now(),
        next_update: until,
        ..good(CA)
    };
    let revoked = CertStatus::Revoked(revocation(RevocationReason::KeyCompromise));
    let earlier = state(&TbsStatus { number: 8, ..fields }, CA);
    let newer = state(&TbsStatus { number: 9, status: revoked, ..fields }, CA);
    let latest = state(&TbsStatus { number: 10, ..fields }, CA);
    let contact = stating(vec![earlier.clone(), newer.clone(), earlier.clone(), latest.clone()]).await;
    for (expected, stored) in [
        (CertStatus::Good, &earlier),
        (revoked, &newer),
        // Somebody sends the first answer again.
        (revoked, &newer),
        (CertStatus::Good, &latest),
    ] {
        let (_, status) = alice.clone().refresh_status(&contact, &at).await.expect("an answer of the CA");
        assert_eq!(status, expected);
        assert_eq!(&fs::read(at.join("status.json")).expect("a status"), stored);
    }
}
