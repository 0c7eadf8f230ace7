//! Messages that a handshake and a channel refuse. A refusal is final.

use minipki_core::crypto::CryptoError;
use minipki_core::noise::{Error, ExpectMessage1, MESSAGES_PER_KEY};
use minipki_fixtures::noise::{channel, fresh, key_pair};

const TAG: Error = Error::Crypto(CryptoError::Tag);

/// Runs a handshake and passes each message with its number (1 to 3) through `tamper`. An error has the number of the
/// refused message.
fn handshake(mut tamper: impl FnMut(usize, &mut Vec<u8>)) -> Result<(), (usize, Error)> {
    let mut pass = |number, buf: &[u8]| {
        let mut message = buf.to_vec();
        tamper(number, &mut message);
        message
    };
    let (initiator, responder) = fresh();
    let mut buf = [0; 256];
    let (initiator, n) = initiator.write(b"one", &mut buf).expect("message 1 is written");
    let (responder, _) = responder.read(&mut pass(1, &buf[..n])).map_err(|e| (1, e))?;
    let (responder, n) = responder.write(b"two", &mut buf).map_err(|e| (1, e))?;
    let (initiator, _) = initiator.read(&mut pass(2, &buf[..n])).map_err(|e| (2, e))?;
    let (_, n) = initiator.write(b"three", &mut buf).expect("message 3 is written");
    responder.read(&mut pass(3, &buf[..n])).map_err(|e| (3, e))?;
    Ok(())
}

/// The lengths of the messages of [`handshake`].
const LENGTHS: [usize; 3] = [32 + 3, 96 + 3, 64 + 5];

#[test]
fn untouched_messages_pass() {
    let mut lengths = Vec::new();
    assert_eq!(handshake(|_, message| lengths.push(message.len())), Ok(()));
    assert_eq!(lengths, LENGTHS);
}

/// Message 1 is in clear: the reader of message 2 finds the change.
#[test]
fn any_changed_byte_is_refused() {
    for (number, len) in (1..).zip(LENGTHS) {
        for at in 0..len {
            for change in [0x01, 0x80, 0xff] {
                let refused = handshake(|n, message| {
                    if n == number {
                        message[at] ^= change;
                    }
                });
                assert_eq!(refused, Err((number.max(2), TAG)), "message {number}, byte {at}, {change:#x}");
            }
        }
    }
}

#[test]
fn a_cut_message_is_refused() {
    for (number, len) in (1..).zip(LENGTHS) {
        for cut in 0..len {
            let refused = handshake(|n, message| {
                if n == number {
                    message.truncate(cut);
                }
            });
            let expected = match (number, cut) {
                (1, 0..32) => (1, Error::Truncated),
                (1, _) => (2, TAG),
                (2, 0..96) | (3, 0..64) => (number, Error::Truncated),
                _ => (number, TAG),
            };
            assert_eq!(refused, Err(expected), "message {number} cut at {cut}");
        }
    }
}

#[test]
fn added_bytes_are_refused() {
    for number in 1..=3 {
        let refused = handshake(|n, message| {
            if n == number {
                message.push(0);
            }
        });
        assert_eq!(refused, Err((number.max(2), TAG)));
    }
}

#[test]
fn keys_of_low_order_are_refused() {
    let mut one = [0; 32];
    one[0] = 1;
    for point in [[0; 32], one] {
        for number in [1, 2] {
            let refused = handshake(|n, message| {
                if n == number {
                    message[..32].copy_from_slice(&point);
                }
            });
            assert_eq!(refused, Err((number, Error::Crypto(CryptoError::AllZeroShared))));
        }
    }
}

#[test]
fn another_prologue_is_refused() {
    let (initiator, _) = fresh();
    let responder = ExpectMessage1::new(b"tesu", key_pair([3; 32]), key_pair([4; 32]));
    let mut buf = [0; 128];
    let (initiator, n) = initiator.write(b"", &mut buf).expect("message 1");
    let (responder, _) = responder.read(&mut buf[..n]).expect("message 1");
    let (_, n) = responder.write(b"", &mut buf).expect("message 2");
    assert_eq!(initiator.read(&mut buf[..n]).err(), Some(TAG));
}

#[test]
fn a_message_of_another_handshake_is_refused() {
    let mut recorded = Vec::new();
    handshake(|n, message| {
        if n == 3 {
            recorded.clone_from(message);
        }
    })
    .expect("the recorded handshake");
    let (initiator, _) = fresh();
    let responder = ExpectMessage1::new(b"test", key_pair([3; 32]), key_pair([5; 32]));
    let mut buf = [0; 128];
    let (initiator, n) = initiator.write(b"one", &mut buf).expect("message 1");
    let (responder, _) = responder.read(&mut buf[..n]).expect("message 1");
    let (responder, n) = responder.write(b"two", &mut buf).expect("message 2");
    assert!(initiator.read(&mut buf[..n]).is_ok());
    assert_eq!(responder.read(&mut recorded).err(), Some(TAG));
}

#[test]
fn lengths_end_at_65535() {
    let mut message = vec![0; 65536];
    let (initiator, responder) = fresh();
    assert_eq!(responder.read(&mut message).err(), Some(Error::TooLong));
    assert_eq!(initiator.write(&[0; 65504], &mut message).err(), Some(Error::TooLong));
    let (initiator, responder) = fresh();
    let (_, n) = initiator.write(&[0; 65503], &mut message).expect("the longest message 1");
    assert_eq!(n, 65535);
    assert!(responder.read(&mut message[..n]).is_ok());

    let (mut alice, mut bob) = channel();
    assert_eq!(alice.sealer.seal(&mut message, 65520), Err(Error::TooLong));
    assert_eq!(alice.sealer.seal(&mut message, 65519), Ok(65535));
    assert_eq!(bob.opener.open(&mut message[..65535]), Ok(65519));
    assert_eq!(bob.opener.open(&mut message), Err(Error::TooLong));
}

#[test]
fn a_short_buffer_is_refused() {
    let written = |len: usize| {
        let (initiator, _) = fresh();
        initiator.write(b"one", &mut vec![0; len]).map(|(_, n)| n)
    };
    for short in 0..LENGTHS[0] {
        assert_eq!(written(short), Err(Error::BufferTooSmall), "{short} bytes");
    }
    assert_eq!(written(LENGTHS[0]), Ok(LENGTHS[0]));
    for short in 0..LENGTHS[1] {
        let (initiator, responder) = fresh();
        let mut buf = [0; 64];
        let (_, n) = initiator.write(b"one", &mut buf).expect("message 1");
        let (responder, _) = responder.read(&mut buf[..n]).expect("message 1");
        assert_eq!(
            responder.write(b"two", &mut vec![0; short]).err(),
            Some(Error::BufferTooSmall),
            "{short} bytes"
        );
    }
}

#[test]
fn a_sealer_without_room_continues_with_a_larger_buffer() {
    let (mut alice, mut bob) = channel();
    let mut buf = [7; 20];
    assert_eq!(alice.sealer.seal(&mut buf, 5), Err(Error::BufferTooSmall));
    assert_eq!(alice.sealer.seal(&mut buf, 21), Err(Error::BufferTooSmall));
    assert_eq!(buf, [7; 20]);
    assert_eq!(alice.sealer.seal(&mut buf, 4), Ok(20));
    assert_eq!(bob.open(&buf), Ok(vec![7; 4]));
}

#[test]
fn a_changed_transport_message_ends_the_direction_and_only_that() {
    let len = message_of_alice(b"hello").len();
    for at in 0..len {
        let (mut alice, mut bob) = channel();
        let good = alice.seal(b"hello");
        let mut bad = good.clone();
        bad[at] ^= 0x40;
        assert_eq!(bob.open(&bad), Err(TAG), "byte {at}");
        assert_eq!(bob.open(&good), Err(Error::Failed), "a failure is final");
        assert_eq!(alice.open(&bob.seal(b"goodbye")).as_deref(), Ok(&b"goodbye"[..]));
    }
}

fn message_of_alice(text: &[u8]) -> Vec<u8> {
    channel().0.seal(text)
}

#[test]
fn a_cut_transport_message_ends_the_direction() {
    let message = message_of_alice(b"hello");
    for cut in 0..message.len() {
        let (_, mut bob) = channel();
        let expected = if cut < 16 { Error::Truncated } else { TAG };
        assert_eq!(bob.open(&message[..cut]), Err(expected), "cut at {cut}");
        assert_eq!(bob.open(&message), Err(Error::Failed));
    }
}

#[test]
fn order_repetition_and_reflection_are_refused() {
    let (mut alice, mut bob) = channel();
    let first = alice.seal(b"first");
    let second = alice.seal(b"second");
    assert_eq!(alice.open(&first), Err(TAG), "a message sent back to its author");
    assert_eq!(bob.open(&first).as_deref(), Ok(&b"first"[..]));
    assert_eq!(bob.open(&first), Err(TAG), "a replay");

    let (_, mut bob) = channel();
    assert_eq!(bob.open(&second), Err(TAG), "a message before its turn");
}

#[test]
fn both_ends_rekey_in_step_for_several_keys() {
    let (mut alice, mut bob) = channel();
    let mut buf = [0; 24];
    for i in 0..2 * MESSAGES_PER_KEY + 2 {
        buf[..8].copy_from_slice(&i.to_le_bytes());
        assert_eq!(alice.sealer.seal(&mut buf, 8), Ok(24));
        assert_eq!(bob.opener.open(&mut buf), Ok(8));
        assert_eq!(buf[..8], i.to_le_bytes());
    }
}
