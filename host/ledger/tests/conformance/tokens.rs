//! Tokens: add, spend once, list, revoke.

use minipki_ca::ports::{Ledger, LedgerError, LedgerReader, TokenHash, TokenRecord, TokenState};

use crate::{Draft, Engine, NOW, add_token, at, id, key, on_each_engine};

on_each_engine! {
    a_token_is_spent_once_by_its_subject_before_it_expires
    a_spent_token_is_usable_for_its_key_while_the_key_holds_the_name
    tokens_are_listed_in_order_and_a_revoked_one_is_refused
    no_token_is_added_while_the_clock_is_behind_the_newest_time
}

fn usable(ledger: &mut dyn Ledger, subject: &str, byte: u8, time: u64) -> Vec<TokenHash> {
    ledger.tokens(id(subject).as_id(), &key(byte), at(time)).expect("read")
}

fn a_token_is_spent_once_by_its_subject_before_it_expires(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let ledger = ledger.as_mut();
    let token = add_token(engine, "t", "a", NOW);
    let late = add_token(engine, "late", "a", NOW - 1);
    let other = add_token(engine, "other", "b", NOW);
    for wrong in [late, other, TokenHash::of("unknown")] {
        let refused = Draft::new("a", 1, NOW + 9, Some(wrong)).record(ledger);
        assert!(matches!(refused, Err(LedgerError::TokenSpent(_))));
    }
    assert_eq!(usable(ledger, "a", 2, NOW), [token]);
    assert_eq!(usable(ledger, "a", 2, NOW + 1), []);
    Draft::new("a", 1, NOW + 9, Some(token)).record(ledger).expect("recorded");
    assert_eq!(usable(ledger, "a", 2, NOW), []);
    let refused = Draft::new("a", 1, NOW + 9, Some(token)).record(ledger);
    assert!(matches!(refused, Err(LedgerError::TokenSpent(_))));
    let mut book = engine.tokens().expect("opened");
    let again = book.add(token, id("a").as_id(), at(NOW + 99), None, at(NOW));
    assert!(matches!(again, Err(LedgerError::TokenExists)), "a spent token cannot be added again");
}

fn a_spent_token_is_usable_for_its_key_while_the_key_holds_the_name(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let ledger = ledger.as_mut();
    let token = add_token(engine, "t", "a", NOW + 5);
    Draft::new("a", 1, NOW + 9, Some(token)).record(ledger).expect("recorded");
    assert_eq!(usable(ledger, "a", 1, NOW), [token]);
    assert_eq!(usable(ledger, "a", 1, NOW + 6), []);
    let moves = add_token(engine, "moves", "a", NOW + 5);
    assert_eq!(usable(ledger, "a", 2, NOW), [moves]);
    Draft::new("a", 2, NOW + 9, Some(moves)).record(ledger).expect("recorded");
    assert_eq!(usable(ledger, "a", 1, NOW), [], "the name has moved to another key");
    assert_eq!(usable(ledger, "a", 2, NOW), [moves]);
}

/// All tokens, read in pages of three.
fn all(reader: &mut dyn LedgerReader) -> Vec<TokenRecord> {
    let mut all: Vec<TokenRecord> = Vec::new();
    loop {
        let after = all.last().map(|token| (token.expires, token.id));
        match &reader.list_tokens(after, 3).expect("read")[..] {
            [] => return all,
            page => all.extend_from_slice(page),
        }
    }
}

fn tokens_are_listed_in_order_and_a_revoked_one_is_refused(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    let ledger = ledger.as_mut();
    let mut book = engine.tokens().expect("opened");
    let hashes: Vec<_> = (0..10).map(|n| add_token(engine, &n.to_string(), "alice", NOW + n / 2)).collect();
    let mut reader = engine.reader().expect("opened");
    let listed = all(reader.as_mut());
    assert_eq!(listed.len(), 10);
    let before = |number: usize| (listed[number].expires, listed[number].id);
    for number in 0..listed.len() {
        let page = reader.list_tokens_before(before(number), 3).expect("read");
        assert_eq!(page, listed[number.saturating_sub(3)..number], "before {number}");
    }
    assert!(listed.is_sorted_by(|a, b| (a.expires, a.id) > (b.expires, b.id)), "{listed:?}");
    assert!(listed.iter().all(|row| row.state == TokenState::Unused && row.subject_id == id("alice")));

    let now = at(NOW);
    book.revoke(listed[0].id, now).expect("revoked");
    for id in [listed[0].id, 0, u64::MAX] {
        assert!(matches!(book.revoke(id, now), Err(LedgerError::TokenNotLive)));
    }
    let live = usable(ledger, "alice", 1, NOW);
    assert_eq!((live.len(), reader.counts(now).expect("counted").live_tokens), (9, 9));
    assert_eq!(reader.list_tokens(None, 1).expect("read")[0].state, TokenState::Revoked(now));

    // A token that is revoked while its certificate is signed is refused.
    let revoked = hashes.iter().find(|hash| !live.contains(hash)).copied();
    let refused = Draft::new("alice", 1, NOW + 9, revoked).record(ledger);
    assert!(matches!(refused, Err(LedgerError::TokenSpent(_))));
    let serial = Draft::new("alice", 1, NOW + 9, Some(live[0])).record(ledger).expect("spent");
    let spent = all(reader.as_mut()).into_iter().find(|row| row.state == TokenState::Spent(serial));
    let spent = spent.expect("listed with its certificate");
    assert!(matches!(book.revoke(spent.id, now), Err(LedgerError::TokenNotLive)));
}

fn no_token_is_added_while_the_clock_is_behind_the_newest_time(engine: &dyn Engine) {
    let mut ledger = engine.ledger();
    Draft::new("a", 1, NOW + 9, None).record(ledger.as_mut()).expect("recorded");
    let mut book = engine.tokens().expect("opened");
    let mut add =
        |text: &str, now| book.add(TokenHash::of(text), id("a").as_id(), at(NOW + 9), None, at(now));
    assert!(matches!(add("an hour behind", NOW - 3600), Err(LedgerError::Clock(_))));
    add("a minute behind", NOW - 60).expect("within the tolerance");
    // The newest time decides about the expiry.
    assert_eq!(usable(ledger.as_mut(), "a", 1, NOW - 60).len(), 1);
    add_token(engine, "expired", "a", NOW - 1);
    assert_eq!(usable(ledger.as_mut(), "a", 1, NOW - 60).len(), 1);
}
