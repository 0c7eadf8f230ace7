//! The tokens.

use minipki_ca::ports::{LedgerError, TokenBook, TokenHash};
use minipki_core::cert::Id;
use minipki_core::time::UnixTime;
use rand_core::Rng as _;

use super::{MemoryStorage, Token};

impl TokenBook for MemoryStorage {
    fn add(
        &mut self,
        token: TokenHash,
        subject: Id<'_>,
        expires: UnixTime,
        lifetime: Option<u64>,
        now: UnixTime,
    ) -> Result<(), LedgerError> {
        let mut state = self.state();
        state.check_clock(now)?;
        if state.tokens.iter().any(|known| known.hash == token) {
            return Err(LedgerError::TokenExists);
        }
        let id = 1 + (state.token_numbers.next_u64() >> 11);
        let subject_id = subject.into();
        state.tokens.push(Token {
            hash: token,
            id,
            subject_id,
            expires,
            lifetime,
            spent_on: None,
            revoked: None,
        });
        Ok(())
    }

    fn revoke(&mut self, id: u64, now: UnixTime) -> Result<(), LedgerError> {
        let mut state = self.state();
        let live = |token: &&mut Token| token.id == id && token.spent_on.is_none() && token.revoked.is_none();
        state.tokens.iter_mut().find(live).ok_or(LedgerError::TokenNotLive)?.revoked = Some(now);
        Ok(())
    }
}
