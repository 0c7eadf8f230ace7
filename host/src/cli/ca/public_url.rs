//! `minipki ca public-url`: the public address of the repository.

use clap::Args;

use super::super::{CliError, output};
use super::{Folder, acted};
use minipki_ca::PublicUrl;
use minipki_ca::ports::Storage;
use minipki_server::state::storage;

/// Print or change the public address of the repository, which X.509 certificates name
///
/// New certificates name the address: their list of revoked certificates, the certificate of the CA, and the OCSP responder. A CA
/// that is being served uses the new address at once. Earlier certificates keep theirs: serve that address too until they have
/// ended.
#[derive(Args)]
#[command(after_help = "Examples:\n  minipki ca public-url --dir my-ca http://pki.example.org\n  \
minipki ca public-url --dir my-ca")]
pub(in crate::cli) struct PublicUrlArgs {
    #[command(flatten)]
    folder: Folder,
    /// The address of `minipki ca serve --http` for its readers; without it, the present one is printed
    #[arg(value_name = "URL")]
    url: Option<PublicUrl>,
    /// Name no address in new certificates
    #[arg(long, conflicts_with = "url")]
    remove: bool,
}

pub(super) fn run(args: &PublicUrlArgs) -> Result<(), CliError> {
    let folder = args.folder.open()?;
    let storage = storage(&folder);
    let before = storage.reader()?.publication()?.url;
    if args.url.is_none() && !args.remove {
        return match before {
            Some(url) => output::data(|out| writeln!(out, "{url}")),
            None => {
                output::say("This CA has no public URL. Its X.509 certificates name no address.");
                Ok(())
            }
        };
    }
    storage.set_public_url(args.url.as_ref())?;
    if before == args.url {
        output::say("Nothing has changed.");
        return Ok(());
    }
    let now = args.url.as_ref().map_or("none".to_owned(), ToString::to_string);
    acted(&folder, "change the public URL", &now);
    output::say(format_args!("The public URL is now: {now}."));
    if let Some(before) = before {
        output::say(format_args!(
            "Certificates name the URL that was set when they were signed, lately {before}. Serve each until they have ended."
        ));
    }
    Ok(())
}
