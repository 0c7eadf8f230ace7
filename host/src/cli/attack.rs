//! `minipki connect --as-attacker`: an attack on a peer that listens, to see the check of the peer work.

use std::path::PathBuf;

use clap::ValueEnum;
use tokio::net::TcpListener;

use super::{CliError, Exit, output};
use minipki_client::CERTIFICATE_FILE;
use minipki_lab::{AttackError, Attacker};
use minipki_os::clock;
use minipki_provider::HostProvider;

/// An attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Attack {
    /// Show a certificate without its private key
    Steal,
    /// Record the handshake of an honest peer, and send its messages again
    Replay,
    /// Show a certificate by a new CA that has the name of the peer's CA
    OtherCa,
    /// Show a certificate after its end
    Expired,
    /// Change one byte of a certificate, and then one byte of a message
    Tamper,
}

/// The options of an attacker.
#[derive(clap::Args)]
#[command(next_help_heading = "Attacks, for lessons and tests")]
pub(super) struct AttackArgs {
    /// Attack the peer, which must refuse. The attacker makes keys and throws them away, and reads no private key
    #[arg(long, value_name = "ATTACK")]
    #[arg(conflicts_with_all = ["passphrase_file", "passphrase_fd", "peer_subject", "pcap", "send", "expect", "trace"])]
    pub(super) as_attacker: Option<Attack>,
    /// The certificate that the attacker has; without it, the one in the folder of --identity
    #[arg(long, value_name = "FILE", requires = "as_attacker")]
    certificate: Option<PathBuf>,
    /// The address at which `replay` waits for an honest peer
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:9102", requires = "as_attacker")]
    relay: String,
}

impl AttackArgs {
    /// Attacks the peer at `peer`. `folder` is the identity whose certificate the attacker has.
    pub(super) async fn run(
        &self,
        attack: Attack,
        peer: &str,
        folder: Option<PathBuf>,
        provider: HostProvider,
    ) -> Result<(), CliError> {
        let file = self.certificate.clone().or_else(|| folder.map(|folder| folder.join(CERTIFICATE_FILE)));
        // A failed write must not end the attack.
        let show = |step: &str| drop(output::data(|out| writeln!(out, "{step}")));
        let attacker = Attacker { peer, provider, show: &show };
        let (text, now) = (file.map(|file| output::read(&file)).transpose()?, clock::now()?);
        let text = text.as_ref().map(|text| text.trim_ascii());
        let known = || {
            let seen = "the attacker has no certificate to show";
            let next =
                "give it with --certificate FILE, or name a folder with --identity DIR: its key is not read";
            text.ok_or_else(|| CliError::new(Exit::Usage, seen, next))
        };
        match attack {
            Attack::Steal => attacker.steal(known()?).await?,
            Attack::Expired => attacker.expired(known()?, now).await?,
            Attack::OtherCa => attacker.other_ca(text).await?,
            Attack::Tamper => {
                attacker.tamper_with_certificate(known()?).await?;
                attacker.tamper_with_message(known()?).await?
            }
            Attack::Replay => {
                let listener = TcpListener::bind(&self.relay).await.map_err(AttackError::Relay)?;
                attacker.replay(&listener).await?
            }
        };
        show("The peer has refused mallory. Its own output names the check that failed.");
        Ok(())
    }
}

impl From<AttackError> for CliError {
    fn from(error: AttackError) -> Self {
        match error {
            AttackError::Peer(error) => error.into(),
            error => Self::from_diagnostic(Exit::Failed, error),
        }
    }
}
