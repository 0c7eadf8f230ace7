//! Enrolment: a new key, and a CA's certificate for it (protocol §4).

use std::sync::Arc;

use getrandom::SysRng;
use minipki_core::bytes::Secret;
use minipki_core::cert::{Anchor, IdBuf};
use minipki_core::crypto::{Hash, KeyPair, Portable};
use minipki_core::limits::FRAME;
use minipki_core::link::{Link, Misuse};
use minipki_core::session::{self, EnrolClient, EnrolForm, EnrolOutcome, Enrolment};
use minipki_core::time::Now;
use rand_core::UnwrapErr;
use tokio::io::{AsyncRead, AsyncWrite};

use super::dial::dial;
use super::{ClientError, Deadlines, Identity};
use minipki_net::drive;
use minipki_net::trace::{Tap, Tapped};
use minipki_os::clock;
use minipki_provider::HostProvider;

/// What is asked of whom.
#[derive(Clone)]
pub struct EnrolOptions {
    /// The CA, `host:port`.
    pub ca: String,
    /// The name to be certified.
    pub subject: IdBuf,
    /// The pinned CA, by its key or by the fingerprint of it.
    pub anchor: Anchor,
    /// The form to speak: [`proven`], or [`EnrolForm::Classic`] at a CA that is open to it.
    pub form: EnrolForm,
    /// How long the CA may take.
    pub deadlines: Deadlines,
    /// Who watches the messages.
    pub tap: Option<Arc<dyn Tap>>,
}

impl EnrolOptions {
    /// Enrols by the proven form without a token, and unwatched.
    pub fn new(ca: impl Into<String>, subject: IdBuf, anchor: Anchor) -> Self {
        let (form, deadlines) = (proven(None), Deadlines::default());
        Self { ca: ca.into(), subject, anchor, form, deadlines, tap: None }
    }
}

/// The proven form, with the token of that text if there is one. The proof is made with the token's SHA-256 (protocol §4).
pub fn proven(token: Option<&str>) -> EnrolForm {
    let hash = |text: &str| Secret::new(Portable::new().sha256(&[text.as_bytes()]));
    EnrolForm::Proven { token: token.map(hash) }
}

/// Has `key` certified by the CA that `options` name. Keep the key where it outlives the process before this is
/// called, and call again with the same key if it fails: then nothing is lost. [`IdentityFolder`](super::IdentityFolder)
/// does so.
///
/// The certificate that comes back is genuine, and for this subject and key. It may be out of its time, if this clock
/// or the CA's is wrong: keep it, and ask [`Identity::check_time`].
///
/// # Errors
/// [`ClientError::Refused`] with the CA's own words, or the check of ours that its answer failed.
pub async fn enrol(key: KeyPair<HostProvider>, options: EnrolOptions) -> Result<Identity, ClientError> {
    let (mut reader, mut writer) = dial(&options.ca, options.deadlines).await?.into_split();
    enrol_over(&mut reader, &mut writer, key, options).await
}

/// [`enrol`] over a stream to the CA that is there already.
///
/// # Errors
/// As [`enrol`].
pub async fn enrol_over(
    reader: &mut (impl AsyncRead + Unpin),
    writer: &mut (impl AsyncWrite + Unpin),
    key: KeyPair<HostProvider>,
    options: EnrolOptions,
) -> Result<Identity, ClientError> {
    let enrolment = Enrolment {
        subject_id: options.subject,
        key: &key,
        anchor: &options.anchor,
        now: Now::Exact(clock::now()?),
        form: options.form,
    };
    let machine = EnrolClient::new(enrolment, &mut UnwrapErr(SysRng));
    let (mut rx, mut tx) = ([0; FRAME], [0; FRAME]);
    let mut link = Link::observed(machine, &mut rx, &mut tx, Tapped(options.tap));
    let failed = |source| ClientError::exchange(format_args!("the CA at {}", options.ca), source);

    drive(&mut link, reader, writer, Some(options.deadlines.exchange)).await.map_err(failed)?;
    match link.event() {
        Some(EnrolOutcome::Issued(text) | EnrolOutcome::OutOfTime { certificate: text, .. }) => {
            let certificate = link.body().get(text).unwrap_or_default().to_vec();
            Ok(Identity::genuine(key.clone(), certificate, options.anchor.clone())?)
        }
        Some(EnrolOutcome::Refused { code, text }) => {
            let text = String::from_utf8_lossy(link.body().get(text).unwrap_or_default()).into_owned();
            Err(ClientError::Refused { code, text })
        }
        None => Err(failed(session::Error::from(Misuse::OutOfTurn).into())),
    }
}
