//! The memory of a session: what the answer to one request shows after the redirect to the next one.

use std::sync::{Mutex, MutexGuard, PoisonError};

use minipki_ca::Token;
use minipki_core::cert::IdBuf;
use minipki_core::time::UnixTime;
use minipki_lab::{Attacked, Refusal};

/// The memory of a session. It ends with the session.
#[derive(Default)]
pub(crate) struct Memory(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    message: Option<String>,
    token: Option<FreshToken>,
    link: Option<String>,
    flip: Option<Flipped>,
    attack: Option<AttackRun>,
}

/// A new token. It is shown once.
pub(crate) struct FreshToken {
    pub(crate) subject: IdBuf,
    pub(crate) token: Token,
    pub(crate) expires: UnixTime,
}

/// The outcome of a changed byte in the Walk-through.
#[derive(Clone)]
pub(crate) struct Flipped {
    /// The name of alice in the scenario.
    pub(crate) run: String,
    pub(crate) refusal: Refusal,
}

/// The outcome of an attack in the Walk-through.
#[derive(Clone)]
pub(crate) struct AttackRun {
    /// The name of alice in the scenario.
    pub(crate) run: String,
    pub(crate) attacked: Attacked,
}

impl Memory {
    /// Keeps a message for the next page: the result of an action.
    pub(crate) fn say(&self, message: impl Into<String>) {
        self.lock().message = Some(message.into());
    }

    /// The message, for one page.
    pub(crate) fn take_message(&self) -> Option<String> {
        self.lock().message.take()
    }

    /// Keeps a new token for the next page.
    pub(crate) fn keep_token(&self, token: FreshToken) {
        self.lock().token = Some(token);
    }

    /// The new token, once.
    pub(crate) fn take_token(&self) -> Option<FreshToken> {
        self.lock().token.take()
    }

    /// Keeps a new link for the next page.
    pub(crate) fn keep_link(&self, link: String) {
        self.lock().link = Some(link);
    }

    /// The new link, once.
    pub(crate) fn take_link(&self) -> Option<String> {
        self.lock().link.take()
    }

    /// Keeps the outcome of the newest changed byte.
    pub(crate) fn keep_flip(&self, flipped: Flipped) {
        self.lock().flip = Some(flipped);
    }

    /// The outcome of the newest changed byte, if it was in the step `number` of the scenario `run`.
    pub(crate) fn flip(&self, run: &str, number: usize) -> Option<Refusal> {
        let state = self.lock();
        let flipped = state.flip.as_ref()?;
        (flipped.run == run && flipped.refusal.flip.step == number).then(|| flipped.refusal.clone())
    }

    /// Keeps the outcome of the newest attack.
    pub(crate) fn keep_attack(&self, attack: AttackRun) {
        self.lock().attack = Some(attack);
    }

    /// The outcome of the newest attack, if it was on the clients of the scenario `run`.
    pub(crate) fn attack(&self, run: &str) -> Option<Attacked> {
        let state = self.lock();
        let attack = state.attack.as_ref().filter(|attack| attack.run == run)?;
        Some(attack.attacked.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Remembered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
