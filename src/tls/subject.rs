//! The subject of a certificate, in words.

use std::fmt::Write;

use rustls::pki_types::CertificateDer;
use webpki::EndEntityCert;

/// Longest subject, in characters. The rest of a longer one is cut off.
const LONGEST: usize = 256;

/// The short names of attributes (RFC 4514, section 3), by their DER.
const NAMES: [(&[u8], &str); 9] = [
    (&[0x55, 0x04, 0x03], "CN"),
    (&[0x55, 0x04, 0x05], "serialNumber"),
    (&[0x55, 0x04, 0x06], "C"),
    (&[0x55, 0x04, 0x07], "L"),
    (&[0x55, 0x04, 0x08], "ST"),
    (&[0x55, 0x04, 0x0a], "O"),
    (&[0x55, 0x04, 0x0b], "OU"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x01], "UID"),
    (&[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 0x01, 0x19], "DC"),
];

/// The tags of DER that are met here (X.690).
const OBJECT_IDENTIFIER: u8 = 0x06;
const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
/// `UTF8String`, `PrintableString` and `IA5String`, all of which are UTF-8.
const TEXTS: [u8; 3] = [0x0c, 0x13, 0x16];

/// The subject of a certificate, such as `CN=billing,O=Example`: as RFC 4514 writes it, the last part first, escaped so
/// that it holds letters, digits and ASCII alone, and bounded. Empty if the certificate has no subject, or one that
/// cannot be read.
#[must_use]
pub fn subject(certificate: &CertificateDer<'_>) -> String {
    let Ok(certificate) = EndEntityCert::try_from(certificate) else { return String::new() };
    let mut parts: Vec<String> = Elements(certificate.subject()).filter_map(part).collect();
    parts.reverse();
    let subject = parts.join(",");
    match subject.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &subject[..end]),
        None => subject,
    }
}

/// One part of a name: attributes and their values, of which there is one as a rule.
fn part((tag, content): (u8, &[u8])) -> Option<String> {
    let attributes = Elements(content).filter_map(attribute);
    (tag == SET).then(|| attributes.collect::<Vec<_>>().join("+"))
}

fn attribute((tag, content): (u8, &[u8])) -> Option<String> {
    let mut elements = Elements(content);
    let (oid_tag, oid) = elements.next()?;
    let (value_tag, value) = elements.next()?;
    if tag != SEQUENCE || oid_tag != OBJECT_IDENTIFIER {
        return None;
    }
    let name = NAMES.iter().find(|(known, _)| *known == oid);
    let name = name.map_or_else(|| format!("OID.{}", hex::encode(oid)), |it| it.1.to_owned());
    let text = TEXTS.contains(&value_tag).then(|| str::from_utf8(value).ok()).flatten();
    Some(match text {
        Some(text) => format!("{name}={}", escaped(text)),
        None => format!("{name}=#{}", hex::encode(value)),
    })
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        if "\"+,;<=>\\".contains(character) {
            escaped.push('\\');
        }
        if character.is_alphanumeric() || character == ' ' || character.is_ascii_graphic() {
            escaped.push(character);
            continue;
        }
        for byte in character.encode_utf8(&mut [0; 4]).bytes() {
            // Writing to a String cannot fail.
            let _ = write!(escaped, "\\{byte:02X}");
        }
    }
    escaped
}

/// The elements of DER one after the other, each with its tag and its content. It ends at the first one that cannot be
/// read.
struct Elements<'a>(&'a [u8]);

impl<'a> Iterator for Elements<'a> {
    type Item = (u8, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let (length, content) = match *self.0.get(1..)? {
            [length @ 0..=0x7f, ref content @ ..] | [0x81, length, ref content @ ..] => {
                (usize::from(length), content)
            }
            [0x82, high, low, ref content @ ..] => {
                (usize::from(u16::from_be_bytes([high, low])), content)
            }
            _ => return None,
        };
        let tag = *self.0.first()?;
        let (content, rest) = content.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }
}

#[cfg(test)]
mod tests {
    use gateway_harness::certificates::{Authority, DnType};
    use rustls::pki_types::pem::PemObject;

    use super::*;

    fn of(subject_is: &[(DnType, &str)]) -> String {
        let certificate = Authority::new().client(subject_is);
        subject(&CertificateDer::from_pem_slice(certificate.cert.as_bytes()).expect("PEM"))
    }

    #[test]
    fn it_is_written_from_its_end_with_short_names() {
        let unknown = DnType::CustomDnType(vec![2, 5, 4, 4]);
        assert_eq!(
            of(&[
                (DnType::CountryName, "CN"),
                (DnType::OrganizationName, "示例"),
                (DnType::CommonName, "billing"),
                (unknown, "Li"),
            ]),
            "OID.550404=Li,CN=billing,O=示例,C=CN"
        );
        assert_eq!(of(&[]), "");
    }

    #[test]
    fn nothing_in_it_passes_for_another_part_or_breaks_a_line() {
        let hostile = "a,O=b+c\"\n\u{202e}\0";
        assert_eq!(
            of(&[(DnType::CommonName, hostile)]),
            "CN=a\\,O\\=b\\+c\\\"\\0A\\E2\\80\\AE\\00"
        );
    }

    #[test]
    fn it_has_a_bound() {
        let subject = of(&[(DnType::CommonName, &"长".repeat(1000))]);
        assert_eq!(subject.chars().count(), LONGEST + 3);
    }

    #[test]
    fn der_that_is_cut_off_or_garbled_is_no_element() {
        let whole = [0x31, 0x81, 0x02, 0x05, 0x00];
        assert_eq!(Elements(&whole).collect::<Vec<_>>(), [(0x31, &[5, 0][..])]);
        for length in 0..whole.len() {
            assert_eq!(Elements(&whole[..length]).count(), 0, "{length}");
        }
        for garbled in [&[0x31, 0x80][..], &[0x31, 0x84, 1, 0, 0, 0], &[0x31, 0x82, 0xff, 0xff, 0]]
        {
            assert_eq!(Elements(garbled).count(), 0, "{garbled:?}");
        }
        let nobody = CertificateDer::from(vec![0x30, 0x00]);
        assert_eq!(subject(&nobody), "");
    }
}
