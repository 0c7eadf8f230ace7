//! `minipki demo`: the whole of it, on this machine, with the code that the other commands run.
//!
//! [`cast`] sets up who takes part, [`attack`] is what must fail, [`stage`] is how it is told.

mod attack;
mod cast;
mod stage;

use minipki_core::cert::Certificate;
use tempfile::TempDir;

use self::cast::Ca;
use self::stage::{Stage, short};
use super::{CliError, Exit, advice, output};
use minipki_client::chat::{self, Message};
use minipki_client::{Channel, Identity};
use minipki_provider::HostProvider;

/// Show it all: a CA, two clients, their certificates and a secure channel between them
///
/// Runs on free loopback ports, in a temporary folder that is removed at the end.
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
    let mut stage = Stage::new(args.trace);
    let ca = found(&mut stage, &folder, provider).await?;
    let alice = enrol(&mut stage, &ca, "alice").await?;
    let bob = enrol(&mut stage, &ca, "bob").await?;
    let (at_alice, at_bob) = meet(&mut stage, &alice, &bob).await?;
    talk(&mut stage, at_alice, at_bob).await?;
    attacks(&mut stage, &alice, &bob).await?;
    stage.begin("Everything is stopped")?;
    let granted = ca.stop().await?;
    folder.close()?;
    stage.tell(&format!("The CA finished what was under way ({granted} certificates issued) and closed."))?;
    stage.tell("The temporary folder, with every key in it, is removed.")?;
    stage.end("stop")?;
    prove(&stage, &alice, &bob)
}

async fn found(stage: &mut Stage, folder: &TempDir, provider: HostProvider) -> Result<Ca, CliError> {
    stage.begin("A CA makes its RSA key, and serves")?;
    let ca = Ca::found(folder.path().join("ca"), provider).await?;
    stage.tell(&format!("{}, RSA-2048, listens on {}", cast::ISSUER, ca.address))?;
    stage.tell("Its fingerprint, the one thing that clients must know beforehand:")?;
    stage.tell(&ca.fingerprint.to_string())?;
    stage.end("RSA key and start of the CA")?;
    Ok(ca)
}

async fn enrol(stage: &mut Stage, ca: &Ca, name: &'static str) -> Result<Identity, CliError> {
    stage.begin(&format!("{name} asks the CA for a certificate"))?;
    let identity = ca.enrol(name, stage.tap(name, "CA")).await?;
    let certificate = view(&identity)?;
    stage.tell(&format!(
        "{name} made an X25519 key, {}…, and kept its private half.",
        short(identity.key().public().as_bytes())
    ))?;
    stage.tell(&format!("The CA saw proof that {name} holds it, and signed:"))?;
    let (serial, until) = (certificate.serial_number(), certificate.validity().not_after());
    stage.tell(&format!("  serial {serial}, valid until {until}"))?;
    stage.checked(&format!("{name} checked it: pinned CA, signature, validity, own name and key"))?;
    stage.end(if name == "alice" { "alice enrols" } else { "bob enrols" })?;
    Ok(identity)
}

async fn meet(stage: &mut Stage, alice: &Identity, bob: &Identity) -> Result<(Channel, Channel), CliError> {
    stage.begin("alice connects to bob, and each shows its certificate")?;
    let (at_alice, at_bob) = cast::meet(alice, bob, stage.tap("alice", "bob")).await?;
    if at_alice.handshake_hash != at_bob.handshake_hash {
        return Err(surprise("the two ends have different handshake hashes"));
    }
    for (own, channel) in [("alice", &at_alice), ("bob  ", &at_bob)] {
        let peer = &channel.peer;
        stage.checked(&format!(
            "{own} knows: this is {}, serial {}",
            peer.subject_id(),
            peer.serial_number()
        ))?;
    }
    stage.checked(&format!("both have the handshake hash {}…", short(&at_alice.handshake_hash)))?;
    stage.end("handshake, both sides")?;
    Ok((at_alice, at_bob))
}

async fn talk(stage: &mut Stage, mut at_alice: Channel, mut at_bob: Channel) -> Result<(), CliError> {
    stage.begin("They talk, encrypted")?;
    say(stage, ("alice", &mut at_alice), ("bob", &mut at_bob), "Hello bob, who else can read this?").await?;
    say(stage, ("bob", &mut at_bob), ("alice", &mut at_alice), "Nobody, alice. Not even the CA.").await?;
    at_alice.outbound.close().await?;
    at_bob.outbound.close().await?;
    if at_alice.inbound.receive().await?.is_some() || at_bob.inbound.receive().await?.is_some() {
        return Err(surprise("something was said after the end"));
    }
    stage.checked("both closed, so both know that nothing was cut off")?;
    stage.end("two messages and the close")
}

async fn say(
    stage: &mut Stage,
    (from, sender): (&str, &mut Channel),
    (to, receiver): (&str, &mut Channel),
    text: &str,
) -> Result<(), CliError> {
    let body = chat::encode(text);
    sender.outbound.send(&body).await?;
    let heard = receiver.inbound.receive().await?.map(chat::decode);
    if heard != Some(Ok(Message::Chat(text.to_owned()))) {
        return Err(surprise("what was heard is not what was said"));
    }
    stage.tell(&format!("{from} -> {to}: \"{text}\""))?;
    stage.gap()
}

async fn attacks(stage: &mut Stage, alice: &Identity, bob: &Identity) -> Result<(), CliError> {
    stage.begin("Two attacks, which must fail")?;
    stage.tell("mallory changes one byte of bob's certificate: \"bob\" becomes \"rob\"")?;
    stage.refused(&attack::changed_certificate(alice, bob)?.to_string())?;
    stage.tell("mallory shows bob's certificate, stolen, but has not bob's key")?;
    stage.refused(&attack::stolen_certificate(alice, bob).await?.to_string())?;
    stage.end("two attacks")
}

fn prove(stage: &Stage, alice: &Identity, bob: &Identity) -> Result<(), CliError> {
    let (a, b) = (view(alice)?.serial_number(), view(bob)?.serial_number());
    stage.heading("What was proved")?;
    stage.fact("who", &format!("alice (serial {a})"))?;
    stage.fact("", &format!("talked to bob (serial {b}), and to nobody else"))?;
    stage.fact("CA", "saw a proof of possession for each key before it signed")?;
    stage.fact("alice, bob", "each checked two certificates, its own and its peer's: pinned CA,")?;
    stage.fact("", "RSA signature, valid now, the expected name, the expected key")?;
    stage.fact("channel", "each peer holds the key that its certificate names (Noise XX);")?;
    stage.fact("", "every message is encrypted, in order, and none is missing")?;
    stage.fact("mallory", "was refused twice, each time by the check that is there for it")?;
    stage.times()
}

fn view(identity: &Identity) -> Result<Certificate<'_>, CliError> {
    Certificate::parse(identity.certificate()).map_err(|error| advice::certificate(&error))
}

/// What cannot happen, unless MiniPKI is broken.
fn surprise(what: &str) -> CliError {
    CliError::new(Exit::Failed, what, "this is a bug in minipki; please report it with the output of --trace")
}
