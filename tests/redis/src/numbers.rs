//! Numbers as Redis reads and writes them.

/// An integer, if the text is exactly what one is written as.
pub(crate) fn integer(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let number: i64 = text.parse().ok()?;
    (number.to_string() == text).then_some(number)
}

/// A number, as C's `strtod` reads it, except in base 16. Not one that is too large or too small to be written.
pub(crate) fn float(text: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(text).ok()?;
    let number: f64 = text.parse().ok()?;
    let is_named = text.to_ascii_lowercase().contains('i');
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let is_lost = number.is_infinite() && !is_named
        || number == 0.0 && mantissa.contains(|it: char| ('1'..='9').contains(&it));
    (!number.is_nan() && !is_lost).then_some(number)
}

/// The number as C's `%.17g` writes it.
#[expect(clippy::cast_possible_truncation, reason = "what is cut off is looked at")]
#[expect(clippy::cast_precision_loss, reason = "it has no more than 53 bits")]
pub(crate) fn text(number: f64) -> String {
    if !number.is_finite() {
        let sign = if number.is_sign_negative() { "-" } else { "" };
        return format!("{sign}{}", if number.is_nan() { "nan" } else { "inf" });
    }
    // Most numbers are small integers.
    let whole = number as i64;
    if whole.unsigned_abs() < 1 << 53 && (whole as f64).to_bits() == number.to_bits() {
        return whole.to_string();
    }
    let scientific = format!("{number:.16e}");
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..17).contains(&exponent) {
        let decimals = usize::try_from(16 - exponent).unwrap_or(0);
        return without_zeros(&format!("{number:.decimals$}")).to_owned();
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{}e{sign}{:02}", without_zeros(mantissa), exponent.abs())
}

fn without_zeros(decimal: &str) -> &str {
    if !decimal.contains('.') {
        return decimal;
    }
    decimal.trim_end_matches('0').trim_end_matches('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_written_as_c_writes_it() {
        for (number, written) in [
            (0.1, "0.10000000000000001"),
            (-0.0, "-0"),
            (1e16, "10000000000000000"),
            (1e17, "1e+17"),
            (1.5e300, "1.5000000000000001e+300"),
            (1e-4, "0.0001"),
            (1e-5, "1.0000000000000001e-05"),
            (-1e300, "-1.0000000000000001e+300"),
            (f64::NEG_INFINITY, "-inf"),
            (1_767_225_600_000_001.0, "1767225600000001"),
        ] {
            assert_eq!(text(number), written);
        }
    }

    #[test]
    fn only_what_is_written_as_an_integer_is_one() {
        for text in ["+1", "01", "-0", " 1", "1 ", "1.0", "1e3", "", "9223372036854775808"] {
            assert_eq!(integer(text.as_bytes()), None, "{text}");
        }
        assert_eq!(integer(b"-9223372036854775808"), Some(i64::MIN));
    }

    #[test]
    fn what_no_float_can_hold_is_none() {
        for text in ["1e400", "1e-400", "nan", "", "1x", " 1"] {
            assert_eq!(float(text.as_bytes()), None, "{text}");
        }
        assert_eq!(float(b"-inf"), Some(f64::NEG_INFINITY));
        assert_eq!(float(b"0e5"), Some(0.0));
    }
}
