//! One request to a CA, and its response.

use std::sync::Arc;

use getrandom::SysRng;
use minipki_core::limits::FRAME;
use minipki_core::link::{Link, Misuse};
use minipki_core::session::{self, CaClient, CaRequest};
use rand_core::UnwrapErr;
use tokio::io::{AsyncRead, AsyncWrite};

use super::dial::dial;
use super::{ClientError, Deadlines};
use minipki_net::drive;
use minipki_net::trace::{Tap, Tapped};

/// The way to a CA.
#[derive(Clone)]
pub struct CaContact {
    /// The address, `host:port`.
    pub address: String,
    /// The time limits.
    pub deadlines: Deadlines,
    /// The observer of the messages.
    pub tap: Option<Arc<dyn Tap>>,
}

impl CaContact {
    /// The CA at `address`, with the default time limits and without an observer.
    pub fn new(address: impl Into<String>) -> Self {
        Self { address: address.into(), deadlines: Deadlines::default(), tap: None }
    }

    /// Connects, and makes the request. Returns its outcome and the body of the response.
    pub(super) async fn ask<R: CaRequest>(&self, request: R) -> Result<(R::Outcome, Vec<u8>), ClientError> {
        let (mut reader, mut writer) = dial(&self.address, self.deadlines).await?.into_split();
        self.ask_over(&mut reader, &mut writer, request).await
    }

    /// Makes the request over an existing stream to the CA. Returns its outcome and the body of the response.
    ///
    /// # Errors
    /// [`ClientError::Exchange`] with the failed check.
    pub async fn ask_over<R: CaRequest>(
        &self,
        reader: &mut (impl AsyncRead + Unpin),
        writer: &mut (impl AsyncWrite + Unpin),
        request: R,
    ) -> Result<(R::Outcome, Vec<u8>), ClientError> {
        let machine = CaClient::new(request, &mut UnwrapErr(SysRng));
        let (mut rx, mut tx) = ([0; FRAME], [0; FRAME]);
        let mut link = Link::observed(machine, &mut rx, &mut tx, Tapped(self.tap.clone()));
        let failed = |source| ClientError::exchange(format_args!("the CA at {}", self.address), source);
        drive(&mut link, reader, writer, Some(self.deadlines.exchange)).await.map_err(failed)?;
        match link.event() {
            Some(outcome) => Ok((outcome, link.body().to_vec())),
            None => Err(failed(session::Error::from(Misuse::OutOfTurn).into())),
        }
    }
}

/// The refusal of a CA, whose text is at `text` in the `body` of its response.
pub(super) fn refused(
    code: minipki_core::wire::Code,
    text: std::ops::Range<usize>,
    body: &[u8],
) -> ClientError {
    let text = String::from_utf8_lossy(body.get(text).unwrap_or_default()).into_owned();
    ClientError::Refused { code, text }
}
