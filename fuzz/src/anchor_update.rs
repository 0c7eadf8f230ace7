//! Changes of a CA's key.

use minipki_core::cert::{AnchorUpdate, Certificate, Error, Status};
use minipki_core::crypto::Portable;
use minipki_core::encoding::json::{Form, check};

use crate::peers;

/// Checks any text. Returns whether the pinned issuer has signed it as an update of its key.
///
/// - An update that parses is canonical JSON, and is neither a certificate nor a status.
/// - An anchor follows only the update that the issuer has signed, and only once. Otherwise it stays as it is.
pub fn anchor_update(text: &[u8]) -> bool {
    let Ok(update) = AnchorUpdate::parse(text) else { return false };
    assert_eq!(check(text, Form::Canonical), Ok(()));
    assert_eq!(update.text(), text);
    assert!(
        Certificate::parse(text).is_err() && Status::parse(text).is_err(),
        "two kinds of objects at once"
    );
    let mut anchor = peers::anchor();
    if let Err(error) = anchor.follow(Portable::new(), &update) {
        assert_eq!(anchor, peers::anchor(), "{error}");
        return false;
    }
    assert_eq!((text, anchor.clone()), (peers::UPDATE, peers::next_anchor()), "forged");
    assert_eq!(anchor.follow(Portable::new(), &update), Err(Error::UpdatePrevious));
    true
}
