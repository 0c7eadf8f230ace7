//! `minipki anchors`: shows the keys of the CA that an identity trusts, and follows a change of the CA's key.

use std::path::PathBuf;

use minipki_core::cert::{Anchor, Id};
use serde_json::json;

use super::ca_contact::CaArgs;
use super::passphrase_args::IdentityArgs;
use super::{CliError, output};
use minipki_client::{Identity, read_anchor};

/// Show the keys of the CA that an identity trusts, and follow a change of the CA's key
///
/// A CA can change its key with `minipki ca rollover`. With --update, the identity asks its CA for the changes. Each
/// change is signed by the key before it, and the identity never goes back to an earlier key. `minipki renew`, `listen` and
/// `connect` do the same. Certificates of a former key stay valid until they end.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  minipki anchors --identity alice
  minipki anchors --identity alice --update
  minipki anchors --identity alice --from anchor.json

The CA sends only as many changes as fit into one message: two with keys of 4096 bits, four
with keys of 2048 bits. An identity that has missed more of them takes the anchor.json of
the CA's operator with --from. So does an identity that was enrolled with a fingerprint
alone, after a change of the key: it does not know the former keys.")]
pub(super) struct Args {
    #[command(flatten)]
    pub(super) identity: IdentityArgs,
    /// Ask the CA for the changes of its key, and store the new anchor.json
    #[arg(long, conflicts_with = "from")]
    update: bool,
    /// Store this anchor.json, which you have from the CA's operator over a safe way
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    #[command(flatten)]
    ca: CaArgs,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: Args, identity: Identity) -> Result<(), CliError> {
    let folder = &args.identity.folder;
    let (identity, changed) = match &args.from {
        Some(file) => {
            let (before, anchor) = (identity.anchor().clone(), read_anchor(file)?);
            let identity = identity.take_anchor(anchor, folder)?;
            let changed = *identity.anchor() != before;
            (identity, changed)
        }
        None if args.update => identity.follow_ca(&args.ca.contact(Some(folder))?, folder).await?,
        None => (identity, false),
    };
    let anchor = identity.anchor();
    if args.json {
        return output::json(&object(anchor, changed));
    }
    if args.update {
        output::say(match changed {
            true => format!("the CA has changed its key: the identity trusts {} now", anchor.fingerprint()),
            false => "the CA has sent no change of its key".to_owned(),
        });
    }
    output::data(|out| {
        writeln!(out, "issuer       {}", anchor.issuer_id().map_or("", Id::as_str))?;
        writeln!(out, "present key  {}", anchor.fingerprint())?;
        for key in anchor.former_keys().iter().rev() {
            writeln!(out, "former key   {}, replaced at {}", key.fingerprint, key.until)?;
        }
        Ok(())
    })
}

fn object(anchor: &Anchor, changed: bool) -> serde_json::Value {
    let former: Vec<_> = anchor.former_keys().iter().rev().map(|key| json!(key)).collect();
    json!({
        "changed": changed,
        "fingerprint_sha256": anchor.fingerprint().to_string(),
        "former_keys": former,
        "issuer_id": anchor.issuer_id().map(Id::as_str),
    })
}
