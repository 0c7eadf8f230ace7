//! The configuration as arguments, the same on every board: a command line, also one from semihosting.

use core::fmt;
use core::num::NonZeroU32;
use core::str::FromStr;
use core::time::Duration;

use minipki_core::cert::Id;
use minipki_core::keys::Fingerprint;
use minipki_core::trust::StatusRule;

use crate::config::{Config, Errand, Text, Token};

/// The syntax of the arguments.
pub const USAGE: &str = "\
--ca ADDRESS:PORT --fingerprint HEX --subject NAME [--token TOKEN]
[--connect ADDRESS:PORT | --listen ADDRESS:PORT] [--peer-subject NAME] [--send TEXT] [--deadline SECONDS]
[--require-status | --max-status-age SECONDS]";

/// The default time limit of a step.
const DEADLINE: Duration = Duration::from_secs(30);

/// The reason why arguments are not a configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageError<'a> {
    /// No such option.
    Unknown(&'a str),
    /// The option is the last argument, without its value.
    NoValue(&'a str),
    /// The option cannot have this value.
    Value {
        /// The option.
        option: &'a str,
        /// The wrong value.
        value: &'a str,
    },
    /// Both `--connect` and `--listen` are given, or one of them twice.
    TwoErrands,
    /// The required option is missing.
    Missing(&'static str),
}

impl fmt::Display for UsageError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(word) => write!(f, "there is no option {word}"),
            Self::NoValue(option) => write!(f, "{option} needs a value"),
            // The value is never a token, since each text is a valid token. A token must not be shown.
            Self::Value { option, value } => write!(f, "{option} cannot be {value}"),
            Self::TwoErrands => f.write_str("only one --connect or --listen is allowed"),
            Self::Missing(option) => write!(f, "{option} is missing"),
        }
    }
}

impl core::error::Error for UsageError<'_> {}

impl<'a, A: FromStr> Config<'a, A> {
    /// Reads `words`: see [`USAGE`]. If an option is given twice, the last value is used.
    ///
    /// # Errors
    /// [`UsageError`].
    pub fn parse(words: impl IntoIterator<Item = &'a str>) -> Result<Self, UsageError<'a>> {
        let mut words = words.into_iter();
        let (mut ca, mut fingerprint, mut subject) = (None, None, None);
        let (mut token, mut peer, mut send) = (None, None, None);
        let (mut errand, mut deadline, mut status) = (None, DEADLINE, StatusRule::Optional);
        while let Some(option) = words.next() {
            let mut value = || words.next().ok_or(UsageError::NoValue(option));
            match option {
                "--ca" => ca = Some(parsed(option, value()?)?),
                "--fingerprint" => {
                    fingerprint = Some(checked(option, value()?, Fingerprint::from_typed)?);
                }
                "--subject" => subject = Some(checked(option, value()?, Id::new)?),
                "--token" => token = Some(Token(value()?)),
                "--peer-subject" => peer = Some(checked(option, value()?, Id::new)?),
                "--send" => send = Some(checked(option, value()?, Text::new)?),
                "--deadline" => {
                    deadline = Duration::from_secs(parsed::<NonZeroU32>(option, value()?)?.get().into());
                }
                "--require-status" if status == StatusRule::Optional => status = StatusRule::Required,
                // A limit of the age is stricter.
                "--require-status" => {}
                "--max-status-age" => {
                    status = StatusRule::MaxAge(parsed::<NonZeroU32>(option, value()?)?.get().into());
                }
                "--connect" | "--listen" => {
                    let address = parsed(option, value()?)?;
                    let new =
                        if option == "--listen" { Errand::Listen(address) } else { Errand::Connect(address) };
                    if errand.replace(new).is_some() {
                        return Err(UsageError::TwoErrands);
                    }
                }
                _ => return Err(UsageError::Unknown(option)),
            }
        }
        Ok(Self {
            ca: ca.ok_or(UsageError::Missing("--ca"))?,
            fingerprint: fingerprint.ok_or(UsageError::Missing("--fingerprint"))?,
            subject: subject.ok_or(UsageError::Missing("--subject"))?,
            token,
            errand: errand.unwrap_or(Errand::Enrol),
            peer,
            status,
            send,
            deadline,
        })
    }
}

fn parsed<'a, T: FromStr>(option: &'a str, value: &'a str) -> Result<T, UsageError<'a>> {
    checked(option, value, str::parse)
}

fn checked<'a, T, E>(
    option: &'a str,
    value: &'a str,
    read: impl FnOnce(&'a str) -> Result<T, E>,
) -> Result<T, UsageError<'a>> {
    read(value).map_err(|_| UsageError::Value { option, value })
}
