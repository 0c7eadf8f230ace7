//! Handshakes between two ends of our own, as the tests of Noise and of sessions need them.

use minipki_core::bytes::Secret;
use minipki_core::crypto::{KeyPair, Portable};
use minipki_core::noise::{ExpectMessage1, Opener, Sealer, SendMessage1, Transport};

/// The key pair of a secret.
pub fn key_pair(secret: [u8; 32]) -> KeyPair {
    KeyPair::<Portable>::from_secret(Secret::new(secret))
}

/// One end of an open channel.
pub struct End {
    /// To the other end.
    pub sealer: Sealer<Portable>,
    /// From the other end.
    pub opener: Opener<Portable>,
}

impl From<Transport<Portable>> for End {
    fn from(transport: Transport<Portable>) -> Self {
        let (sealer, opener) = transport.split();
        Self { sealer, opener }
    }
}

impl End {
    /// The message that carries `plaintext`.
    pub fn seal(&mut self, plaintext: &[u8]) -> Vec<u8> {
        let mut message = plaintext.to_vec();
        message.resize(plaintext.len() + 16, 0);
        let len = self.sealer.seal(&mut message, plaintext.len()).expect("a message that fits");
        assert_eq!(len, message.len());
        message
    }

    /// What `message` carries.
    pub fn open(&mut self, message: &[u8]) -> Result<Vec<u8>, minipki_core::noise::Error> {
        let mut message = message.to_vec();
        let len = self.opener.open(&mut message)?;
        message.truncate(len);
        Ok(message)
    }
}

/// Both first states of a handshake, with fixed keys.
pub fn fresh() -> (SendMessage1<Portable>, ExpectMessage1<Portable>) {
    (
        SendMessage1::new(b"test", key_pair([1; 32]), key_pair([2; 32])),
        ExpectMessage1::new(b"test", key_pair([3; 32]), key_pair([4; 32])),
    )
}

/// A whole handshake: the initiator's and the responder's end.
pub fn channel() -> (End, End) {
    let (initiator, responder) = fresh();
    let mut buf = [0; 256];
    let (initiator, n) = initiator.write(b"", &mut buf).expect("message 1");
    let (responder, _) = responder.read(&mut buf[..n]).expect("message 1");
    let (responder, n) = responder.write(b"", &mut buf).expect("message 2");
    let (initiator, _) = initiator.read(&mut buf[..n]).expect("message 2");
    let (initiator, n) = initiator.write(b"", &mut buf).expect("message 3");
    let (responder, _) = responder.read(&mut buf[..n]).expect("message 3");
    (initiator.into(), responder.into())
}
