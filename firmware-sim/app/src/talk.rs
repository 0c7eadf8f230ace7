//! The conversation: the device says what it has to say and closes its direction, then hears the peer out.

use minipki_core::drive::{DriveError, drive};
use minipki_core::link::{Misuse, Want};
use minipki_core::session::{self, Received};

use crate::board::{Board, Stream};
use crate::channel::{Channel, refused};
use crate::chat;
use crate::config::Config;
use crate::exit::Exit;

/// Says and hears everything. Since each side closes when it has said its own, no two wait for each other.
///
/// # Errors
/// Why the conversation did not end as it should.
#[inline(never)] // Its frame is gone when the next phase needs the stack.
pub(crate) fn talk<B: Board>(
    config: &Config<'_, B::Address>,
    mut channel: Channel<'_, B>,
    board: &mut B,
) -> Result<(), Exit> {
    channel.stream.set_deadline(config.deadline);
    let talked = say(config, &mut channel, board).and_then(|()| hear(&mut channel, board));
    channel.stream.close();
    talked.map_err(|error| refused(error, board))
}

type Outcome<B> = Result<(), DriveError<<<B as Board>::Stream as embedded_io::ErrorType>::Error>>;

fn say<B: Board>(config: &Config<'_, B::Address>, channel: &mut Channel<'_, B>, board: &mut B) -> Outcome<B> {
    let mut message = [0; chat::MESSAGE];
    if let Some(text) = config.send {
        let message =
            chat::encode(text, &mut message).map_err(|_| session::Error::from(Misuse::OutOfTurn))?;
        channel.outbound.send(|machine, out| machine.seal(message, out))?;
        deliver(channel)?;
        board.report(format_args!("sent: {}", text.as_str()));
    }
    channel.outbound.send(|machine, out| machine.close(out))?;
    deliver(channel)
}

/// Sends what waits. When that fails it is most often since the peer has refused us: then its reason is here already.
fn deliver<B: Board>(channel: &mut Channel<'_, B>) -> Outcome<B> {
    let Err(error) = drive(&mut channel.outbound, &mut channel.stream) else { return Ok(()) };
    match drive(&mut channel.inbound, &mut channel.stream) {
        Err(DriveError::Session(reason @ session::Error::Refused(_))) => Err(reason.into()),
        _ => Err(error),
    }
}

fn hear<B: Board>(channel: &mut Channel<'_, B>, board: &mut B) -> Outcome<B> {
    while drive(&mut channel.inbound, &mut channel.stream)? == Want::Deliver {
        let Some(Received::Message(range)) = channel.inbound.event() else { return Ok(()) };
        let who = channel.peer.subject_id();
        match chat::decode(channel.inbound.body().get(range).unwrap_or_default()) {
            Ok(Some(text)) => board.report(format_args!("{who}: {text}")),
            Ok(None) => board.report(format_args!("passed over a message of a type that is not known here")),
            Err(error) => board.report(format_args!("passed over a message: {error}")),
        }
    }
    Ok(())
}
