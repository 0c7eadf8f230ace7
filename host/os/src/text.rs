//! Files that people have edited or copied: the marks of editors around JSON and PEM are removed.

use zeroize::Zeroizing;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Removes a UTF-8 byte order mark, and blanks and line ends around JSON or PEM. Then the lines of PEM end in LF. Other
/// content is unchanged. A check of the text sees only what is left. The work is done in place, so no copy of a secret is
/// made.
pub fn undecorated(mut content: Zeroizing<Vec<u8>>) -> Zeroizing<Vec<u8>> {
    let mark = if content.starts_with(BYTE_ORDER_MARK) { BYTE_ORDER_MARK.len() } else { 0 };
    let body = content.get(mark..).unwrap_or_default();
    let start = mark + body.len() - body.trim_ascii_start().len();
    let end = content.trim_ascii_end().len().max(start);
    let is_json = body.trim_ascii_start().starts_with(b"{");
    let is_pem = !is_json && has(body, b"-----BEGIN ") && has(body, b"-----END ");
    if is_json || is_pem {
        content.truncate(end);
        content.drain(..start);
    }
    if is_pem {
        if has(&content, b"\r\n") {
            content.retain(|byte| *byte != b'\r');
        }
        content.push(b'\n');
    }
    content
}

fn has(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}
