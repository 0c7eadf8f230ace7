//! `minipki demo`: the whole of it, on this machine, with the code that the other commands run.
//!
//! The lab runs the clients and the attacks, [`ca`] their CA; [`report`] is how they are told.

mod ca;
mod report;

use minipki_core::cert::{Certificate, IdBuf, IdError};
use tempfile::TempDir;

use self::ca::{Ca, ISSUER};
use self::report::{Report, short};
use super::{CliError, Exit, advice, output};
use minipki_client::Identity;
use minipki_lab::{ANSWER, MemoryChannel, Participant, QUESTION, ScenarioError, attacks, hear, say};
use minipki_provider::HostProvider;

/// Show it all: a CA, two clients, their certificates and a secure channel between them
///
/// Runs on a free loopback port, in a temporary folder that is removed at the end.
#[derive(clap::Args)]
#[command(after_help = "Example:\n  minipki demo --trace")]
pub(super) struct Args {
    /// Print every message as it passes, decoded, with the reason for each field
    #[arg(long)]
    trace: bool,
}

pub(super) async fn run(args: Args, provider: HostProvider) -> Result<(), CliError> {
    // Removed when dropped, and so also if a step fails or Ctrl-C ends it.
    let folder = tempfile::Builder::new().prefix("minipki-demo-").tempdir()?;
    output::data(|out| writeln!(out, "MiniPKI: a CA, two clients, and a secure channel between them.\n"))?;
    let mut report = Report::new(args.trace);
    let ca = start(&mut report, &folder, provider).await?;
    let alice = enrol(&mut report, &ca, provider, Participant::Alice).await?;
    let bob = enrol(&mut report, &ca, provider, Participant::Bob).await?;
    let (at_alice, at_bob) = meet(&mut report, &alice, &bob).await?;
    talk(&mut report, at_alice, at_bob).await?;
    attack(&mut report, &alice, &bob).await?;
    report.begin("Everything is stopped")?;
    let granted = ca.stop().await?;
    folder.close()?;
    report
        .tell(&format!("The CA finished what was under way ({granted} certificates issued) and closed."))?;
    report.tell("The temporary folder, with every key in it, is removed.")?;
    report.end("stop")?;
    prove(&report, &alice, &bob)
}

async fn start(report: &mut Report, folder: &TempDir, provider: HostProvider) -> Result<Ca, CliError> {
    report.begin("A CA makes its RSA key, and serves")?;
    let ca = Ca::start(&folder.path().join("ca"), provider).await?;
    report.tell(&format!("{ISSUER}, RSA-2048, listens on {}", ca.endpoint.address))?;
    report.tell("Its fingerprint, the one thing that clients must know beforehand:")?;
    report.tell(&ca.endpoint.anchor.fingerprint().to_string())?;
    report.end("RSA key and start of the CA")?;
    Ok(ca)
}

async fn enrol(
    report: &mut Report,
    ca: &Ca,
    provider: HostProvider,
    client: Participant,
) -> Result<Identity, CliError> {
    let name = client.name();
    report.begin(&format!("{name} asks the CA for a certificate"))?;
    // The key is in memory alone: nothing of the demo outlives the process.
    let (identity, _) =
        minipki_lab::enrol(&ca.endpoint, provider, client, id(name)?, report.tap(name, "CA")).await?;
    let certificate = view(&identity)?;
    report.tell(&format!(
        "{name} made an X25519 key, {}…, and kept its private half.",
        short(identity.key().public().as_bytes())
    ))?;
    report.tell(&format!("The CA saw proof that {name} holds it, and signed:"))?;
    let (serial, until) = (certificate.serial_number(), certificate.validity().not_after());
    report.tell(&format!("  serial {serial}, valid until {until}"))?;
    report.checked(&format!("{name} checked it: pinned CA, signature, validity, own name and key"))?;
    report.end(if client == Participant::Alice { "alice enrols" } else { "bob enrols" })?;
    Ok(identity)
}

async fn meet(
    report: &mut Report,
    alice: &Identity,
    bob: &Identity,
) -> Result<(MemoryChannel, MemoryChannel), CliError> {
    report.begin("alice connects to bob, and each shows its certificate")?;
    let (at_alice, at_bob) = minipki_lab::meet(alice, bob, report.tap("alice", "bob")).await?;
    if at_alice.handshake_hash != at_bob.handshake_hash {
        return Err(surprise("the two ends have different handshake hashes"));
    }
    for (own, channel) in [("alice", &at_alice), ("bob  ", &at_bob)] {
        let peer = &channel.peer;
        report.checked(&format!(
            "{own} knows: this is {}, serial {}",
            peer.subject_id(),
            peer.serial_number()
        ))?;
    }
    report.checked(&format!("both have the handshake hash {}…", short(&at_alice.handshake_hash)))?;
    report.end("handshake, both sides")?;
    Ok((at_alice, at_bob))
}

async fn talk(
    report: &mut Report,
    mut at_alice: MemoryChannel,
    mut at_bob: MemoryChannel,
) -> Result<(), CliError> {
    report.begin("They talk, encrypted")?;
    tell(report, ("alice", &mut at_alice), ("bob", &mut at_bob), QUESTION).await?;
    tell(report, ("bob", &mut at_bob), ("alice", &mut at_alice), ANSWER).await?;
    at_alice.outbound.close().await?;
    at_bob.outbound.close().await?;
    if hear(&mut at_alice).await?.is_some() || hear(&mut at_bob).await?.is_some() {
        return Err(surprise("something was said after the end"));
    }
    report.checked("both closed, so both know that nothing was cut off")?;
    report.end("two messages and the close")
}

async fn tell(
    report: &mut Report,
    (from, sender): (&str, &mut MemoryChannel),
    (to, receiver): (&str, &mut MemoryChannel),
    text: &str,
) -> Result<(), CliError> {
    say(sender, text).await?;
    if hear(receiver).await?.as_deref() != Some(text) {
        return Err(surprise("what was heard is not what was said"));
    }
    report.tell(&format!("{from} -> {to}: \"{text}\""))?;
    report.gap()
}

async fn attack(report: &mut Report, alice: &Identity, bob: &Identity) -> Result<(), CliError> {
    report.begin("Two attacks, which must fail")?;
    report.tell("mallory changes one byte of bob's certificate: \"bob\" becomes \"rob\"")?;
    report.refused(&attacks::changed_certificate(alice, bob, "rob")?.to_string())?;
    report.tell("mallory shows bob's certificate, stolen, but has not bob's key")?;
    report.refused(&attacks::stolen_certificate(alice, bob).await?.to_string())?;
    report.end("two attacks")
}

fn prove(report: &Report, alice: &Identity, bob: &Identity) -> Result<(), CliError> {
    let (a, b) = (view(alice)?.serial_number(), view(bob)?.serial_number());
    report.heading("What was proved")?;
    report.fact("who", &format!("alice (serial {a})"))?;
    report.fact("", &format!("talked to bob (serial {b}), and to nobody else"))?;
    report.fact("CA", "saw a proof of possession for each key before it signed")?;
    report.fact("alice, bob", "each checked two certificates, its own and its peer's: pinned CA,")?;
    report.fact("", "RSA signature, valid now, the expected name, the expected key")?;
    report.fact("channel", "each peer holds the key that its certificate names (Noise XX);")?;
    report.fact("", "every message is encrypted, in order, and none is missing")?;
    report.fact("mallory", "was refused twice, each time by the check that is there for it")?;
    report.times()
}

fn view(identity: &Identity) -> Result<Certificate<'_>, CliError> {
    Certificate::parse(identity.certificate()).map_err(|error| advice::certificate(&error))
}

fn id(name: &str) -> Result<IdBuf, CliError> {
    name.parse().map_err(|error: IdError| CliError::new(Exit::Failed, error, ""))
}

impl From<ScenarioError> for CliError {
    fn from(error: ScenarioError) -> Self {
        match error {
            ScenarioError::Client { source, .. } => source.into(),
            error => Self::told(Exit::Failed, error),
        }
    }
}

/// What cannot happen, unless MiniPKI is broken.
fn surprise(what: &str) -> CliError {
    CliError::new(Exit::Failed, what, "this is a bug in minipki; please report it with the output of --trace")
}
