//! Numbers as people read them: `0.25`, `1500`, `2.1×10⁻⁷`.
//!
//! Everything here is a pure function of the value, so charts and tables are
//! the same on every machine. Nothing here knows a language.

/// A whole number in superscript digits, such as `⁻¹²`.
#[must_use]
pub fn superscript(n: i32) -> String {
    n.to_string()
        .chars()
        .map(|c| match c {
            '-' => '⁻',
            '1' => '¹',
            '2' => '²',
            '3' => '³',
            // The remaining digits are consecutive from U+2070.
            _ => char::from_u32(0x2070 + c.to_digit(10).unwrap_or(0)).unwrap_or('⁰'),
        })
        .collect()
}

/// A power of ten, such as `10⁻³`.
#[must_use]
pub fn power(exponent: i32) -> String {
    format!("10{}", superscript(exponent))
}

/// A number in two significant digits and a power of ten, such as `2.1×10⁻⁷`.
#[must_use]
pub fn scientific(value: f64) -> String {
    if !value.is_finite() {
        return not_finite(value);
    }
    if value == 0.0 {
        return "0".to_string();
    }
    // The formatter rounds the mantissa and carries into the exponent.
    let text = format!("{value:.1e}");
    let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    format!("{}×10{}", minus(mantissa), superscript(exponent.parse().unwrap_or(0)))
}

/// A number in at most `digits` significant digits, as compact as it can be
/// read: fixed point from 0.001 to 100 000, otherwise a power of ten.
#[must_use]
pub fn compact(value: f64, digits: usize) -> String {
    if !value.is_finite() {
        return not_finite(value);
    }
    let size = value.abs();
    if size == 0.0 {
        return "0".to_string();
    }
    if !(1e-3..1e5).contains(&size) {
        return scientific(value);
    }
    #[allow(clippy::cast_possible_truncation)] // |log10| of a number between 0.001 and 100 000
    let before = size.log10().floor() as i32 + 1;
    let after = usize::try_from(i32::try_from(digits).unwrap_or(4) - before).unwrap_or(0);
    minus(&trim_zeros(&format!("{value:.after$}")))
}

/// A number with this many digits after the point, such as `0.9550`.
#[must_use]
pub fn fixed(value: f64, digits: usize) -> String {
    if value.is_finite() { minus(&format!("{value:.digits$}")) } else { not_finite(value) }
}

/// A coordinate of a drawing: at most two digits after the point, never
/// `NaN`, `inf` or `-0`.
#[must_use]
pub fn coordinate(value: f64) -> String {
    if !value.is_finite() {
        return "0".to_string();
    }
    let text = trim_zeros(&format!("{value:.2}"));
    if text == "-0" { "0".to_string() } else { text }
}

/// `0.50` → `0.5`, `3.00` → `3`, `100` → `100`.
fn trim_zeros(text: &str) -> String {
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_string()
    } else {
        text.to_string()
    }
}

/// The typographic minus sign.
fn minus(text: &str) -> String {
    text.replace('-', "−")
}

fn not_finite(value: f64) -> String {
    if value.is_nan() {
        "NaN".to_string()
    } else if value > 0.0 {
        "∞".to_string()
    } else {
        "−∞".to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_read_well() {
        assert_eq!(power(-12), "10⁻¹²");
        assert_eq!(scientific(2.14e-7), "2.1×10⁻⁷");
        assert_eq!(scientific(9.99e-4), "1.0×10⁻³");
        assert_eq!(compact(0.25, 3), "0.25");
        assert_eq!(compact(-1500.0, 3), "−1500");
        assert_eq!(compact(1e-9, 3), "1.0×10⁻⁹");
        assert_eq!(compact(f64::NAN, 3), "NaN");
        assert_eq!(fixed(0.95504, 4), "0.9550");
        assert_eq!(coordinate(-0.001), "0");
        assert_eq!(coordinate(f64::INFINITY), "0");
        assert_eq!(coordinate(12.50), "12.5");
    }
}
