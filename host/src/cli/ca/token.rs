//! `minipki ca token`: makes a single-use token for one subject.

use std::time::Duration;

use clap::Args;
use getrandom::SysRng;
use minipki_core::cert::IdBuf;
use serde_json::json;

use super::super::{CliError, Exit, duration, output};
use super::{Folder, acted, lifetime};
use minipki_ca::Token;
use minipki_ca::ports::Storage;
use minipki_server::state::storage;

/// Make a token with which one subject can enrol once
#[derive(Args)]
#[command(after_help = "Example:\n  minipki ca token --dir my-ca --subject alice --expires-in 12h")]
pub(in crate::cli) struct TokenArgs {
    #[command(flatten)]
    folder: Folder,
    /// The subject that may use the token
    #[arg(long, value_name = "NAME")]
    subject: IdBuf,
    /// The lifetime of the token: a number and s, m, h, d, w or y
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = duration)]
    expires_in: Duration,
    /// The lifetime of the certificate and of its renewals, from 60s to 3653d; without it, the CA's --validity decides
    #[arg(long, value_name = "TIME", value_parser = lifetime)]
    validity: Option<Duration>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: &TokenArgs) -> Result<(), CliError> {
    let folder = args.folder.open()?;
    let now = minipki_os::clock::now()?;
    let expires = now.checked_add_seconds(args.expires_in.as_secs()).ok_or_else(|| {
        CliError::new(
            Exit::Usage,
            "the token would expire after the year 9999",
            "give a shorter --expires-in",
        )
    })?;
    let token = Token::generate(&mut SysRng).map_err(|error| {
        CliError::new(Exit::Failed, format_args!("no random numbers: {error}"), "try again")
    })?;
    storage(&folder).tokens()?.add(
        token.hash(),
        args.subject.as_id(),
        expires,
        args.validity.map(|validity| validity.as_secs()),
        now,
    )?;
    acted(&folder, "make a token", &format!("for {}, usable until {expires}", args.subject));
    if args.json {
        output::json(&json!({
            "expires": expires.to_string(),
            "subject_id": args.subject.to_string(),
            "token": token.text(),
        }))?;
    } else {
        output::data(|out| writeln!(out, "{}", token.text()))?;
    }
    output::say(format_args!(
        "The token is valid for one enrolment of {} until {expires}. It is shown only once.\n\
         Send it to the subject in a secure way. The subject sets MINIPKI_TOKEN to it.",
        args.subject
    ));
    Ok(())
}
