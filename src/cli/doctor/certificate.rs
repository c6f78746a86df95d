//! Reads from an X.509 certificate who issued it and until when it is valid (RFC 5280). Whether it is to be trusted is
//! judged elsewhere: this is shown to people.

/// What is shown of a certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct CertificateFacts {
    /// The issuer's organisation and common name.
    pub(super) issuer: String,
    /// The last day on which it is valid, such as `2027-01-31`.
    pub(super) valid_until: String,
}

/// An element of DER: its tag and its content.
type Element<'a> = (u8, &'a [u8]);

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANISATION: &[u8] = &[0x55, 0x04, 0x0a];
/// Longest part of a name that is shown, in characters.
const LONGEST_NAME: usize = 100;

/// The facts about a certificate in DER. None if it cannot be read.
pub(super) fn facts(certificate: &[u8]) -> Option<CertificateFacts> {
    let (_, whole) = first(certificate)?.0;
    let (_, mut signed) = first(whole)?.0;
    if first(signed)?.0.0 == VERSION {
        signed = first(signed)?.1;
    }
    // The serial number and the algorithm stand before the issuer.
    let (_, signed) = first(signed)?;
    let (_, signed) = first(signed)?;
    let ((SEQUENCE, issuer), signed) = first(signed)? else { return None };
    let ((SEQUENCE, validity), _) = first(signed)? else { return None };
    let (_, not_after) = first(validity)?;
    let (not_after, _) = first(not_after)?;
    let names: Vec<String> =
        [ORGANISATION, COMMON_NAME].iter().filter_map(|kind| name(issuer, kind)).collect();
    Some(CertificateFacts { issuer: names.join(", "), valid_until: day(not_after)? })
}

/// The first element, and what follows it.
fn first(input: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (tag, rest) = input.split_first()?;
    let (begin, rest) = rest.split_first()?;
    let (length, rest) = match begin {
        0..=0x7f => (usize::from(*begin), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(begin & 0x7f))?;
            (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
        }
        _ => return None,
    };
    let (content, rest) = rest.split_at_checked(length)?;
    Some(((*tag, content), rest))
}

/// A part of a name. None if the name has none of this kind.
fn name(mut parts: &[u8], kind: &[u8]) -> Option<String> {
    while let Some(((_, set), rest)) = first(parts) {
        parts = rest;
        let ((_, pair), _) = first(set)?;
        let ((_, identifier), value) = first(pair)?;
        if identifier == kind {
            let ((_, text), _) = first(value)?;
            let text = String::from_utf8_lossy(text);
            return Some(crate::feishu::one_line(&text, LONGEST_NAME));
        }
    }
    None
}

/// The day of a time.
fn day((tag, time): Element<'_>) -> Option<String> {
    let time = str::from_utf8(time).ok().filter(|it| it.is_ascii())?;
    // A year of two digits is one from 1950 to 2049.
    let (century, rest) = match tag {
        UTC_TIME if time.get(..2)? < "50" => ("20", time),
        UTC_TIME => ("19", time),
        _ => time.split_at_checked(2)?,
    };
    Some(format!("{century}{}-{}-{}", rest.get(..2)?, rest.get(2..4)?, rest.get(4..6)?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).expect("short").to_be_bytes();
        [&[tag, 0x82], &length[..], content].concat()
    }

    fn certificate(version: &[u8], not_after: &[u8]) -> Vec<u8> {
        let part = |kind: &[u8], text: &str| {
            let pair = [element(0x06, kind), element(0x0c, text.as_bytes())].concat();
            element(0x31, &element(SEQUENCE, &pair))
        };
        let issuer = [part(COMMON_NAME, "CA \u{1b}1"), part(ORGANISATION, "Org")].concat();
        let validity = [element(UTC_TIME, b"250101000000Z"), not_after.to_vec()].concat();
        let signed = [
            version.to_vec(),
            element(0x02, &[1]),
            element(SEQUENCE, &[]),
            element(SEQUENCE, &issuer),
            element(SEQUENCE, &validity),
        ];
        element(SEQUENCE, &element(SEQUENCE, &signed.concat()))
    }

    #[test]
    fn the_issuer_and_the_last_day_are_read() {
        for (version, not_after, last) in [
            (
                element(VERSION, &element(0x02, &[2])),
                element(UTC_TIME, b"270131235959Z"),
                "2027-01-31",
            ),
            (Vec::new(), element(0x18, b"20510203000000Z"), "2051-02-03"),
        ] {
            let read = facts(&certificate(&version, &not_after)).expect("a certificate");
            assert_eq!((read.issuer.as_str(), read.valid_until.as_str()), ("Org, CA  1", last));
        }
    }

    proptest! {
        #[test]
        fn nothing_that_a_server_sends_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = facts(&bytes);
        }

        #[test]
        fn no_change_of_a_certificate_panics(at in 0..200_usize, byte in any::<u8>()) {
            let mut bytes = certificate(&[], &element(UTC_TIME, b"270131235959Z"));
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = facts(&bytes);
            let _ = facts(&bytes[..at]);
        }
    }
}
