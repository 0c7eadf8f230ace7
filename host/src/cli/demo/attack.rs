//! What mallory tries. Each attack returns the check that stopped it; one that succeeds is an error.

use std::net::Ipv4Addr;

use getrandom::SysRng;
use minipki_core::cert::{self, Certificate};
use minipki_core::crypto::KeyPair;
use minipki_core::limits::FRAME;
use minipki_core::link::Link;
use minipki_core::session::{self, LocalIdentity, Responder};
use minipki_core::time::Now;
use minipki_core::trust::RevocationCheck;
use rand_core::UnwrapErr;
use tokio::net::TcpListener;

use super::super::CliError;
use super::surprise;
use minipki_client::{ChannelOptions, Identity};
use minipki_os::clock;

/// bob's certificate with another name in it.
pub(super) fn changed_certificate(alice: &Identity, bob: &Identity) -> Result<cert::Error, CliError> {
    let text = String::from_utf8_lossy(bob.certificate()).replace("\"bob\"", "\"rob\"");
    let now = Now::Exact(clock::now()?);
    let verdict = Certificate::parse(text.as_bytes()).and_then(|certificate| {
        cert::verify(alice.key().provider(), alice.anchor(), &certificate, now, RevocationCheck::NotChecked)
            .map(drop)
    });
    verdict.err().ok_or_else(|| surprise("a changed certificate was accepted"))
}

/// bob's own certificate, which is public, shown by somebody who has not bob's key.
pub(super) async fn stolen_certificate(alice: &Identity, bob: &Identity) -> Result<session::Error, CliError> {
    let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = socket.local_addr()?.to_string();
    let options = ChannelOptions { peer: Some(bob.subject_id().into()), ..ChannelOptions::default() };
    let (victim, ()) =
        tokio::join!(minipki_client::connect(&address, alice, &options), impersonate(&socket, bob));
    match victim {
        Err(error) => error.session_error().ok_or_else(|| error.into()),
        Ok(_) => Err(surprise("a stolen certificate was accepted")),
    }
}

async fn impersonate(socket: &TcpListener, bob: &Identity) {
    let Ok((mut stream, _)) = socket.accept().await else { return };
    let Ok(now) = clock::now() else { return };
    let key = KeyPair::generate(bob.key().provider(), &mut UnwrapErr(SysRng));
    let local = LocalIdentity {
        key: &key,
        certificate: bob.certificate(),
        anchor: bob.anchor(),
        now: Now::Exact(now),
        peer: None,
    };
    let machine = Responder::new(local, &mut UnwrapErr(SysRng));
    let (mut rx, mut tx) = ([0; FRAME], [0; FRAME]);
    let mut link = Link::new(machine, &mut rx, &mut tx);
    let (mut reader, mut writer) = stream.split();
    // mallory is refused, which is alice's to tell.
    let _ = minipki_net::drive(
        &mut link,
        &mut reader,
        &mut writer,
        Some(ChannelOptions::default().deadlines.exchange),
    )
    .await;
}
