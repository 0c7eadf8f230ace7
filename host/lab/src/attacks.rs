//! The attacks of mallory. Each returns the check that stopped it. An attack that succeeds is an error.

use getrandom::SysRng;
use minipki_core::cert::{self, Certificate};
use minipki_core::crypto::KeyPair;
use minipki_core::limits::FRAME;
use minipki_core::link::Link;
use minipki_core::session::{self, LocalIdentity, Responder};
use minipki_core::time::Now;
use minipki_core::trust::{RevocationCheck, StatusPolicy};
use rand_core::UnwrapErr;
use tokio::io::{DuplexStream, duplex, split};

use super::exchange::{PIPE, connect};
use super::{Participant, ScenarioError};
use minipki_client::{ClientError, Deadlines, Identity};
use minipki_os::clock;

/// Shows alice the certificate of bob with another `name` in it.
///
/// # Errors
/// [`ScenarioError::Accepted`] if alice accepts it, [`ScenarioError::Client`] without a clock.
pub fn changed_certificate(
    alice: &Identity,
    bob: &Identity,
    name: &str,
) -> Result<cert::Error, ScenarioError> {
    let subject = format!("\"{}\"", bob.subject_id());
    let text = String::from_utf8_lossy(bob.certificate()).replace(&subject, &format!("\"{name}\""));
    let (provider, now) = (alice.key().provider(), now()?);
    let verified = Certificate::parse(text.as_bytes()).and_then(|certificate| {
        cert::verify(provider, alice.anchor(), &certificate, now, RevocationCheck::NotChecked).map(drop)
    });
    verified.err().ok_or(ScenarioError::Accepted("a changed certificate"))
}

/// Lets alice connect to mallory, who shows bob's public certificate, but does not have bob's key.
///
/// # Errors
/// [`ScenarioError::Accepted`] if alice accepts it, [`ScenarioError::Client`] if another error ended the connection.
pub async fn stolen_certificate(alice: &Identity, bob: &Identity) -> Result<session::Error, ScenarioError> {
    let (near, far) = duplex(PIPE);
    let now = now()?;
    let (victim, ()) =
        tokio::join!(connect(near, alice, bob, None, None), impersonate(far, bob.certificate(), alice, now));
    match victim {
        Err(error) => error.session_error().ok_or_else(|| failed(error)),
        Ok(_) => Err(ScenarioError::Accepted("a stolen certificate")),
    }
}

/// Answers `victim` with `certificate` and a new key, which is another one than that of the certificate.
pub(super) async fn impersonate(stream: DuplexStream, certificate: &[u8], victim: &Identity, now: Now) {
    let key = KeyPair::generate(victim.key().provider(), &mut UnwrapErr(SysRng));
    let local = LocalIdentity {
        key: &key,
        credentials: certificate,
        anchor: victim.anchor(),
        now,
        status_policy: StatusPolicy::default(),
        peer: None,
    };
    let machine = Responder::new(local, &mut UnwrapErr(SysRng));
    let (mut rx, mut tx) = ([0; FRAME], [0; FRAME]);
    let mut link = Link::new(machine, &mut rx, &mut tx);
    let (mut reader, mut writer) = split(stream);
    let limit = Some(Deadlines::default().exchange);
    // Only the result of the victim's end counts.
    let _ = minipki_net::drive(&mut link, &mut reader, &mut writer, limit).await;
}

pub(super) fn now() -> Result<Now, ScenarioError> {
    clock::now().map(Now::Exact).map_err(|error| failed(error.into()))
}

fn failed(source: ClientError) -> ScenarioError {
    ScenarioError::Client { by: Participant::Alice, source }
}
