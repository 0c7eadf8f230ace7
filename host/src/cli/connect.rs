//! `minipki connect`: opens a secure channel to a peer that listens.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use minipki_core::trust::CertStatus;
use tokio::time::timeout;

use super::attack::{Attack, AttackArgs};
use super::passphrase_args::{IdentityArgs, PassphraseArgs};
use super::talk::{TalkArgs, TalkMode};
use super::values::remote;
use super::{CliError, interrupted, output};
use minipki_client::chat::{Note, Stop, stopped};
use minipki_client::{Channel, Identity, connect};
use minipki_net::trace::TapSource;
use minipki_os::clock;
use minipki_provider::HostProvider;

/// Open a secure channel to a peer: typed lines are sent, received messages are printed
///
/// The peer's name is shown before anything is sent. The end of the input closes our direction. The peer can still
/// answer until it closes, or until it has been silent for the time of --deadline. Ctrl-C, SIGTERM and SIGHUP close the
/// channel and end the program; a second signal ends it at once.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  minipki connect --identity alice --peer 127.0.0.1:9101 --peer-subject bob
  minipki connect --identity alice --peer 127.0.0.1:9101 --send hello --expect hi
  minipki connect --identity alice --peer 127.0.0.1:9101 --as-attacker steal

A line that is typed before the peer's name is shown is not sent, unless --peer-subject
is given. Piped input waits for the channel.")]
pub(super) struct Args {
    /// The folder that `minipki enroll` made. An attacker takes only the certificate from it
    #[arg(long = "identity", value_name = "DIR", required_unless_present = "as_attacker")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// The peer's address; without a port, 9101
    #[arg(long, value_name = "HOST:PORT", value_parser = remote::<9101>)]
    peer: String,
    #[command(flatten)]
    talk: TalkArgs,
    #[command(flatten)]
    attack: AttackArgs,
}

/// The arguments of a peer that talks.
pub(super) struct PeerArgs {
    pub(super) identity: IdentityArgs,
    peer: String,
    talk: TalkArgs,
}

impl Args {
    /// The attack, if this side is an attacker.
    pub(super) const fn attack(&self) -> Option<Attack> {
        self.attack.as_attacker
    }

    /// Attacks the peer.
    pub(super) async fn run_attack(self, attack: Attack, provider: HostProvider) -> Result<(), CliError> {
        self.attack.run(attack, &self.peer, self.folder, provider).await
    }

    /// The arguments without those of an attack.
    pub(super) fn into_peer(self) -> PeerArgs {
        // The folder is required without an attack.
        let folder = self.folder.unwrap_or_default();
        let identity = IdentityArgs { folder, passphrase: self.passphrase };
        PeerArgs { identity, peer: self.peer, talk: self.talk }
    }
}

/// The time that a CA has to answer. Without an answer about the status, the channel is opened all the same.
const CA_LIMIT: Duration = Duration::from_secs(3);

pub(super) async fn run(args: PeerArgs, identity: Identity, stop: Stop) -> Result<(), CliError> {
    let identity = with_new_status(identity, &args).await;
    let (mut keyboard, taps) = (args.talk.keyboard(None), args.talk.capture.begin()?);
    let opening = async {
        tokio::select! {
            channel = connect_or_follow(identity, &args, taps) => channel,
            signal = stopped(&stop) => interrupted(signal),
        }
    };
    let (channel, identity) = if args.talk.peer_subject.is_some() {
        opening.await?
    } else {
        let (channel, identity) = keyboard.discard_during(&Note::PeerUnknown, opening).await?;
        let name = channel.peer.subject_id();
        output::say(format_args!(
            "{name} answers at {}; --peer-subject {name} accepts no other peer",
            args.peer
        ));
        (channel, identity)
    };
    let check = args.talk.peer_check(&args.identity.folder, &identity);
    args.talk.run(channel, check, &mut keyboard, TalkMode::Single(Some(args.talk.deadline)), &stop).await
}

/// Connects to the peer. If the certificate of the peer is by an unknown key, the CA may have changed its key: then the
/// identity follows the change, and connects once more.
async fn connect_or_follow(
    mut identity: Identity,
    args: &PeerArgs,
    taps: Option<Arc<dyn TapSource>>,
) -> Result<(Channel, Identity), CliError> {
    let folder = &args.identity.folder;
    let connected = connect(&args.peer, &identity, &args.talk.options(&identity, taps.clone())).await;
    let connected = match (connected, args.talk.contact(folder)) {
        (Err(error), Some(contact)) if error.is_of_another_key() => {
            let followed = timeout(CA_LIMIT, identity.clone().follow_ca(&contact, folder)).await;
            let Ok(Ok((changed, true))) = followed else { return Err(error.into()) };
            identity = changed;
            let key = identity.anchor().fingerprint();
            output::say(format_args!("the CA has changed its key: the identity trusts {key} now"));
            connect(&args.peer, &identity, &args.talk.options(&identity, taps)).await
        }
        (connected, _) => connected,
    };
    Ok((connected?, identity))
}

/// The identity with a new status, if its status is due and the CA states it. The peer decides whether it needs one.
async fn with_new_status(identity: Identity, args: &PeerArgs) -> Identity {
    let age = identity.status_time().zip(clock::now().ok());
    let is_new = age
        .is_some_and(|(made, now)| now.get().saturating_sub(made.get()) < args.talk.status_refresh.as_secs());
    let folder = &args.identity.folder;
    let Some(contact) = args.talk.contact(folder).filter(|_| !is_new) else { return identity };
    match timeout(CA_LIMIT, identity.clone().refresh_status(&contact, folder)).await {
        Ok(Ok((identity, CertStatus::Good))) => identity,
        Ok(Ok((identity, status))) => {
            output::say(format_args!("the CA states that our certificate is {}", status.name()));
            identity
        }
        _ => identity,
    }
}
