//! The answer to a request for the changes of the CA's key (protocol §7).

use minipki_core::limits::FRAME_BODY;
use minipki_core::wire::Response;

use super::ports::IssuerKey;

/// The JSON array of the updates that lead to each of `keys`, the oldest first. If they do not all fit into one frame, it
/// has the newest ones.
pub(super) fn updates(keys: &[IssuerKey]) -> Vec<u8> {
    let updates: Vec<&[u8]> = keys.iter().filter_map(|key| key.update.as_deref()).collect();
    let mut newest = (0..=updates.len()).filter_map(|left_out| updates.get(left_out..));
    newest.find(|newest| updates_fit(newest)).map_or_else(|| b"[]".to_vec(), array)
}

/// Whether one answer can state all these updates of the CA's key.
pub fn updates_fit(updates: &[&[u8]]) -> bool {
    Response::Anchors(&array(updates)).encode(&mut [0; FRAME_BODY]).is_ok()
}

fn array(updates: &[&[u8]]) -> Vec<u8> {
    [&b"["[..], &updates.join(&b","[..]), b"]"].concat()
}

#[cfg(test)]
mod tests {
    use minipki_core::keys::Fingerprint;
    use minipki_core::time::UnixTime;

    use super::*;

    fn key(update: Option<String>) -> IssuerKey {
        let update = update.map(String::into_bytes);
        IssuerKey { fingerprint: Fingerprint([0; 32]), not_before: UnixTime::MIN, update }
    }

    #[test]
    fn the_newest_updates_that_fit_into_a_frame_are_stated_in_their_order() {
        assert_eq!(updates(&[key(None)]), b"[]");
        assert_eq!(updates(&[key(None), key(Some("1".into())), key(Some("2".into()))]), b"[1,2]");
        // The bytes of a response around its array.
        let added = br#"{"anchors":,"ok":true}"#.len();
        for (length, stated) in [(FRAME_BODY - added - 3, 2), (FRAME_BODY - added - 2, 1), (FRAME_BODY, 0)] {
            let long = "9".repeat(length - 1);
            let keys = [key(None), key(Some("1".into())), key(Some(long.clone()))];
            let expected = match stated {
                2 => format!("[1,{long}]"),
                1 => format!("[{long}]"),
                _ => "[]".into(),
            };
            assert!(updates(&keys) == expected.as_bytes(), "{stated}");
        }
    }
}
