//! How numbers are written for people. Exports write them in full instead.

/// A measure's value: four digits after the point.
pub(crate) fn value(value: f64) -> String {
    format!("{value:.4}")
}

/// A difference: as [`value`], with its sign.
pub(crate) fn signed(value: f64) -> String {
    format!("{value:+.4}").replace('-', "−")
}

/// The two ends of an interval of differences.
pub(crate) fn range([low, high]: [f64; 2]) -> String {
    format!("{} to {}", signed(low), signed(high))
}

/// A p, as small as rounds allow.
pub(crate) fn p_value(p: f64) -> String {
    if p < 0.001 { format!("{p:.5}") } else { format!("{p:.3}") }
}

/// Bytes in full, digits in groups of three.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A ratio with three digits at most: `192`, `62.5`, `0.75`.
pub(crate) fn ratio(ratio: f64) -> String {
    let places = if ratio >= 100.0 {
        0
    } else if ratio >= 10.0 {
        1
    } else {
        2
    };
    let text = format!("{ratio:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!([0, 999, 1000, 786_432, 1_234_567].map(grouped), ["0", "999", "1,000", "786,432", "1,234,567"]);
        assert_eq!(
            [192.0, 100.0, 62.5, 10.0, 1.5, 0.75, 0.375].map(ratio),
            ["192", "100", "62.5", "10", "1.5", "0.75", "0.38"]
        );
        assert_eq!(value(0.451_05), "0.4511");
        assert_eq!([signed(-0.012), signed(0.5), range([-0.25, 0.0])], ["−0.0120", "+0.5000", "−0.2500 to +0.0000"]);
        assert_eq!([p_value(0.000_1), p_value(0.049_6), p_value(1.0)], ["0.00010", "0.050", "1.000"]);
    }
}
