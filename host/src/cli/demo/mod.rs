//! `minipki demo`: a CA, two clients and their channel on this machine, with the code of the other commands.
//!
//! The lab runs the clients and the attacks, [`ca`] runs the CA, [`report`] writes the output, and [`secrets`] shows the
//! values behind a proof.

mod ca;
mod report;
mod secrets;

use minipki_core::cert::{Certificate, IdBuf, IdError};
use tempfile::TempDir;

use self::ca::{Ca, ISSUER};
use self::report::{Report, short};
use super::{CliError, Exit, advice, output};
use minipki_client::Identity;
use minipki_lab::{
    ANSWER, MemoryChannel, Participant, QUESTION, ScenarioError, attacks, receive_text, send_text,
};
use minipki_provider::HostProvider;

/// Show everything: a CA, two clients, their certificates and a secure channel between them
///
/// The demo runs on a free loopback port, in a temporary folder that is removed at the end.
#[derive(clap::Args)]
#[command(after_help = "Examples:\n  minipki demo --trace\n  minipki demo --trace-secrets")]
pub(super) struct Args {
    /// Print each message, decoded, with the purpose of each field
    #[arg(long)]
    trace: bool,
    /// Print also the secret values behind each proof of possession; includes --trace
    ///
    /// No other command has this option. The keys of the demo are in its memory only, and its CA ends with it.
    #[arg(long)]
    trace_secrets: bool,
}

pub(super) async fn run(args: Args, provider: HostProvider) -> Result<(), CliError> {
    // The folder is removed when this is dropped, also after an error or Ctrl-C.
    let folder = tempfile::Builder::new().prefix("minipki-demo-").tempdir()?;
    output::data(|out| writeln!(out, "MiniPKI: a CA, two clients, and a secure channel between them.\n"))?;
    let mut report = Report::new(args.trace || args.trace_secrets);
    let ca = start(&mut report, &folder, provider).await?;
    let alice = enrol(&mut report, &ca, provider, Participant::Alice, args.trace_secrets).await?;
    let bob = enrol(&mut report, &ca, provider, Participant::Bob, args.trace_secrets).await?;
    let (at_alice, at_bob) = open_channel(&mut report, &alice, &bob).await?;
    talk(&mut report, at_alice, at_bob).await?;
    attack(&mut report, &alice, &bob).await?;
    report.begin("Everything is stopped")?;
    let granted = ca.stop().await?;
    folder.close()?;
    report.line(&format!("The CA issued {granted} certificates and has stopped."))?;
    report.line("The temporary folder with all keys is removed.")?;
    report.end("stop")?;
    summarize(&report, &alice, &bob)
}

async fn start(report: &mut Report, folder: &TempDir, provider: HostProvider) -> Result<Ca, CliError> {
    report.begin("A CA makes its RSA key, and serves")?;
    let ca = Ca::start(&folder.path().join("ca"), provider).await?;
    report.line(&format!("{ISSUER}, RSA-2048, listens on {}", ca.endpoint.address))?;
    report.line("Its fingerprint, which clients must know before they enrol:")?;
    report.line(&ca.endpoint.anchor.fingerprint().to_string())?;
    report.end("RSA key and start of the CA")?;
    Ok(ca)
}

async fn enrol(
    report: &mut Report,
    ca: &Ca,
    provider: HostProvider,
    client: Participant,
    trace_secrets: bool,
) -> Result<Identity, CliError> {
    let name = client.name();
    report.begin(&format!("{name} asks the CA for a certificate"))?;
    // The key exists only in memory.
    let (identity, steps) =
        minipki_lab::enrol(&ca.endpoint, provider, client, id(name)?, report.tap(name, "CA")).await?;
    if trace_secrets {
        secrets::show(report, name, &identity, &steps)?;
    }
    let certificate = view(&identity)?;
    report.line(&format!(
        "{name} made an X25519 key. Its public key is {}…",
        short(identity.key().public().as_bytes())
    ))?;
    report.line(&format!("The CA checked the proof that {name} holds the key, and signed:"))?;
    let (serial, until) = (certificate.serial_number(), certificate.validity().not_after());
    report.line(&format!("  serial {serial}, valid until {until}"))?;
    report.checked(&format!("{name} checked it: pinned CA, signature, validity, own name and key"))?;
    report.end(if client == Participant::Alice { "alice enrols" } else { "bob enrols" })?;
    Ok(identity)
}

async fn open_channel(
    report: &mut Report,
    alice: &Identity,
    bob: &Identity,
) -> Result<(MemoryChannel, MemoryChannel), CliError> {
    report.begin("alice connects to bob, and each shows its certificate")?;
    let (at_alice, at_bob) = minipki_lab::open_channel(alice, bob, report.tap("alice", "bob")).await?;
    if at_alice.handshake_hash != at_bob.handshake_hash {
        return Err(bug("the two ends have different handshake hashes"));
    }
    for (own, channel) in [("alice", &at_alice), ("bob  ", &at_bob)] {
        let peer = &channel.peer;
        report.checked(&format!(
            "{own} knows its peer: {}, serial {}",
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
    report.begin("They send encrypted messages")?;
    send(report, ("alice", &mut at_alice), ("bob", &mut at_bob), QUESTION).await?;
    send(report, ("bob", &mut at_bob), ("alice", &mut at_alice), ANSWER).await?;
    at_alice.outbound.close().await?;
    at_bob.outbound.close().await?;
    if receive_text(&mut at_alice).await?.is_some() || receive_text(&mut at_bob).await?.is_some() {
        return Err(bug("a message arrived after the last one"));
    }
    report.checked("both closed, so both know that no message is missing")?;
    report.end("two messages and the close")
}

async fn send(
    report: &mut Report,
    (from, sender): (&str, &mut MemoryChannel),
    (to, receiver): (&str, &mut MemoryChannel),
    text: &str,
) -> Result<(), CliError> {
    send_text(sender, text).await?;
    if receive_text(receiver).await?.as_deref() != Some(text) {
        return Err(bug("the received message differs from the sent one"));
    }
    report.line(&format!("{from} -> {to}: \"{text}\""))?;
    report.gap()
}

async fn attack(report: &mut Report, alice: &Identity, bob: &Identity) -> Result<(), CliError> {
    report.begin("Two attacks, which must fail")?;
    report.line("mallory changes one byte of bob's certificate: \"bob\" becomes \"rob\"")?;
    report.refused(&attacks::changed_certificate(alice, bob, "rob")?.to_string())?;
    report.line("mallory shows bob's certificate, but does not have bob's key")?;
    report.refused(&attacks::stolen_certificate(alice, bob).await?.to_string())?;
    report.end("two attacks")
}

fn summarize(report: &Report, alice: &Identity, bob: &Identity) -> Result<(), CliError> {
    let (a, b) = (view(alice)?.serial_number(), view(bob)?.serial_number());
    report.heading("Summary")?;
    report.fact("peers", &format!("alice (serial {a})"))?;
    report.fact("", &format!("and bob (serial {b}), and nobody else"))?;
    report.fact("CA", "checked a proof of possession for each key before it signed")?;
    report.fact("alice, bob", "each checked its own and its peer's certificate: pinned CA,")?;
    report.fact("", "RSA signature, validity, the expected name, the expected key")?;
    report.fact("channel", "each peer holds the key in its certificate (Noise XX);")?;
    report.fact("", "all messages are encrypted, in order, and none is missing")?;
    report.fact("mallory", "was refused twice, each time by the right check")?;
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
            error => Self::from_diagnostic(Exit::Failed, error),
        }
    }
}

/// An error that only a bug in MiniPKI can cause.
fn bug(seen: &str) -> CliError {
    CliError::new(Exit::Failed, seen, "this is a bug in minipki; please report it with the output of --trace")
}
