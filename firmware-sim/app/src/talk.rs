//! The conversation: the device sends its text and closes its direction, then receives until the peer closes.
//!
//! A message is `{"text":"…","type":"chat"}` (protocol §5), within the core's JSON profile.

use minipki_core::bytes::BufferTooSmall;
use minipki_core::drive::{DriveError, drive};
use minipki_core::encoding::json::{self, Form, JsonError, Reader};
use minipki_core::link::{Misuse, Want};
use minipki_core::session::{self, Received};
use serde::Serialize;

use crate::board::{Board, Stream};
use crate::channel::{Channel, refused};
use crate::config::{Config, Text};
use crate::exit::Exit;

/// Sends and receives all messages. Each side closes after its last message, so the two sides never wait for each
/// other.
///
/// # Errors
/// The reason why the conversation did not end normally.
#[inline(never)] // So that its frame leaves the stack before the next phase.
pub(crate) fn talk<B: Board>(
    config: &Config<'_, B::Address>,
    mut channel: Channel<'_, B>,
    board: &mut B,
) -> Result<(), Exit> {
    channel.stream.set_deadline(config.deadline);
    let result = send(config, &mut channel, board).and_then(|()| receive(&mut channel, board));
    channel.stream.close();
    result.map_err(|error| refused(error, board))
}

type Outcome<B> = Result<(), DriveError<<<B as Board>::Stream as embedded_io::ErrorType>::Error>>;

fn send<B: Board>(
    config: &Config<'_, B::Address>,
    channel: &mut Channel<'_, B>,
    board: &mut B,
) -> Outcome<B> {
    let mut message = [0; MESSAGE];
    if let Some(text) = config.send {
        let message = encode(text, &mut message).map_err(|_| session::Error::from(Misuse::OutOfTurn))?;
        channel.outbound.send(|machine, out| machine.seal(message, out))?;
        deliver(channel)?;
        board.report(format_args!("sent: {}", text.as_str()));
    }
    channel.outbound.send(|machine, out| machine.close(out))?;
    deliver(channel)
}

/// Sends the waiting bytes. If that fails, the peer has most often refused this device. Then its refusal has arrived.
fn deliver<B: Board>(channel: &mut Channel<'_, B>) -> Outcome<B> {
    let Err(error) = drive(&mut channel.outbound, &mut channel.stream) else { return Ok(()) };
    match drive(&mut channel.inbound, &mut channel.stream) {
        Err(DriveError::Session(reason @ session::Error::Refused(_))) => Err(reason.into()),
        _ => Err(error),
    }
}

fn receive<B: Board>(channel: &mut Channel<'_, B>, board: &mut B) -> Outcome<B> {
    while drive(&mut channel.inbound, &mut channel.stream)? == Want::Deliver {
        let Some(Received::Message(range)) = channel.inbound.event() else { return Ok(()) };
        let who = channel.peer.subject_id();
        match decode(channel.inbound.body().get(range).unwrap_or_default()) {
            Ok(Some(text)) => board.report(format_args!("{who}: {text}")),
            Ok(None) => board.report(format_args!("skipped a message of an unknown type")),
            Err(error) => board.report(format_args!("skipped a message: {error}")),
        }
    }
    Ok(())
}

/// The only type of message.
const CHAT: &str = "chat";

/// Room for the longest message that a device sends.
const MESSAGE: usize = Text::MAX + 32;

#[derive(Serialize)]
struct Chat<'a> {
    text: &'a str,
    r#type: &'a str,
}

/// Writes the message with `text`. It never fails, since [`MESSAGE`] bytes are enough.
fn encode<'o>(text: Text<'_>, out: &'o mut [u8; MESSAGE]) -> Result<&'o [u8], BufferTooSmall> {
    let len = json::encode(&Chat { text: text.as_str(), r#type: CHAT }, out)?;
    out.get(..len).ok_or(BufferTooSmall)
}

/// The text of a message; `None` if it is of another type. A text that a person has typed may be outside the profile,
/// so that a device cannot read it.
fn decode(body: &[u8]) -> Result<Option<&str>, JsonError> {
    let mut reader = Reader::new(body, Form::Relaxed)?;
    let [text, kind] = reader.strings(["text", "type"])?;
    reader.finish()?;
    let (text, kind) = (text.required()?, kind.required()?);
    Ok((kind == CHAT).then_some(text))
}
