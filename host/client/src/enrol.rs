//! Enrolment: a new key, and a CA's certificate for it (protocol §4).

use std::sync::Arc;

use minipki_core::bytes::Secret;
use minipki_core::cert::{Anchor, IdBuf};
use minipki_core::crypto::{Hash, KeyPair, Portable};
use minipki_core::session::{EnrolForm, EnrolOutcome, Enrolment};
use minipki_core::time::Now;
use tokio::io::{AsyncRead, AsyncWrite};

use super::anchor_update::fetch_anchor;
use super::ask::{CaContact, refused};
use super::dial::dial;
use super::{ClientError, Deadlines, Identity};
use minipki_net::trace::Tap;
use minipki_os::clock;
use minipki_provider::HostProvider;

/// The options of an enrolment.
#[derive(Clone)]
pub struct EnrolOptions {
    /// The CA, `host:port`.
    pub ca: String,
    /// The name to be certified.
    pub subject: IdBuf,
    /// The pinned CA, by its key or by the fingerprint of its key.
    pub anchor: Anchor,
    /// The form of the enrolment: [`proven`], or [`EnrolForm::Classic`] at a CA that allows it.
    pub form: EnrolForm<'static, HostProvider>,
    /// The time limits.
    pub deadlines: Deadlines,
    /// The observer of the messages.
    pub tap: Option<Arc<dyn Tap>>,
}

impl EnrolOptions {
    /// Enrols by the proven form, without a token and without an observer.
    pub fn new(ca: impl Into<String>, subject: IdBuf, anchor: Anchor) -> Self {
        let (form, deadlines) = (proven(None), Deadlines::default());
        Self { ca: ca.into(), subject, anchor, form, deadlines, tap: None }
    }
}

/// The proven form, with `token` if there is one. The proof uses the token's SHA-256 (protocol §4).
pub fn proven(token: Option<&str>) -> EnrolForm<'static, HostProvider> {
    let hash = |text: &str| Secret::new(Portable::new().sha256(&[text.as_bytes()]));
    EnrolForm::Proven { token: token.map(hash) }
}

/// Gets a certificate for `key` from the CA that `options` name. If the CA has changed its key and `options` have the
/// earlier key, the anchor follows the change. Store the key on the disk before this call. If the
/// call fails, call it again with the same key. [`IdentityFolder`](super::IdentityFolder) does so.
///
/// The returned certificate is genuine, and for this subject and key. It may be outside its validity period if this
/// clock or the CA's clock is wrong: keep it, and call [`Identity::check_time`].
///
/// # Errors
/// [`ClientError::Refused`] with the CA's text, or the failed check of the CA's response.
pub async fn enrol(key: KeyPair<HostProvider>, options: EnrolOptions) -> Result<Identity, ClientError> {
    match enrol_once(key.clone(), options.clone()).await {
        Err(error) if error.is_of_another_key() && options.anchor.key().is_some() => {
            let EnrolOptions { ca, deadlines, tap, .. } = options.clone();
            let contact = CaContact { address: ca, deadlines, tap };
            match fetch_anchor(&contact, key.provider(), &options.anchor).await? {
                None => Err(error),
                // The CA repeats its answer.
                Some(anchor) => enrol_once(key, EnrolOptions { anchor, ..options }).await,
            }
        }
        ended => ended,
    }
}

async fn enrol_once(key: KeyPair<HostProvider>, options: EnrolOptions) -> Result<Identity, ClientError> {
    let (mut reader, mut writer) = dial(&options.ca, options.deadlines).await?.into_split();
    enrol_over(&mut reader, &mut writer, key, options).await
}

/// [`enrol`] over an existing stream to the CA. The anchor must have the present key of the CA.
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
    let contact = CaContact { address: options.ca, deadlines: options.deadlines, tap: options.tap };
    let (outcome, body) = contact.ask_over(reader, writer, enrolment).await?;
    match outcome {
        EnrolOutcome::Issued(text) | EnrolOutcome::OutOfTime { certificate: text, .. } => {
            let certificate = body.get(text).unwrap_or_default().to_vec();
            Ok(Identity::genuine(key.clone(), certificate, options.anchor.clone())?)
        }
        EnrolOutcome::Refused { code, text } => Err(refused(code, text, &body)),
    }
}
