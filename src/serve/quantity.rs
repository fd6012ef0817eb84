//! Durations, sizes and counts as people write them.

use std::time::Duration;

/// `11h`, `90s`, `1h30m`, `250ms`, `2d`. A number without a unit is an error: nobody knows what it means.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    let wrong =
        || format!("\"{text}\" is not a duration: write a number and ms, s, m, h or d, for example 90s or 1h30m");
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(wrong());
    }
    let mut milliseconds = 0u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
        let (number, tail) = rest.split_at(digits);
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(letters);
        let (_, worth) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(wrong)?;
        let part = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*worth)).ok_or_else(wrong)?;
        milliseconds = milliseconds.checked_add(part).ok_or_else(wrong)?;
        rest = tail;
    }
    Ok(Duration::from_millis(milliseconds))
}

/// `200G` is 200 × 1000³ bytes, `200Gi` is 200 × 1024³, as Kubernetes has it. Without a unit: bytes.
pub(crate) fn bytes(text: &str) -> Result<u64, String> {
    let (number, unit) = parts(text);
    let unit = unit.strip_suffix('B').unwrap_or(unit);
    let worth = THOUSANDS.iter().chain(&POWERS_OF_TWO).find(|(name, _)| *name == unit);
    times(number, worth).ok_or_else(|| {
        format!(
            "\"{text}\" is not a size: write a number and K, M, G, T (powers of 1000) or Ki, Mi, Gi, Ti (powers of 1024)"
        )
    })
}

/// `10M` is 10,000,000 of something.
pub(crate) fn count(text: &str) -> Result<u64, String> {
    let (number, unit) = parts(text);
    let worth = THOUSANDS.iter().find(|(name, _)| *name == unit);
    times(number, worth).filter(|count| (1..=MOST).contains(count)).ok_or_else(|| {
        format!(
            "\"{text}\" is not a number from 1 to 1T: write a whole number, and K, M, G or T for thousands, millions …"
        )
    })
}

const THOUSANDS: [(&str, u64); 5] =
    [("", 1), ("K", 1000), ("M", 1_000_000), ("G", 1_000_000_000), ("T", 1_000_000_000_000)];
const POWERS_OF_TWO: [(&str, u64); 4] = [("Ki", 1 << 10), ("Mi", 1 << 20), ("Gi", 1 << 30), ("Ti", 1 << 40)];

/// A count that is more than a mistake.
const MOST: u64 = 1_000_000_000_000;

/// The digits and what follows them.
fn parts(text: &str) -> (&str, &str) {
    let text = text.trim();
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}

fn times(number: &str, unit: Option<&(&str, u64)>) -> Option<u64> {
    number.parse::<u64>().ok()?.checked_mul(unit?.1)
}

/// A number that is not negative.
pub(crate) fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse::<f64>().ok().filter(|rate| rate.is_finite() && *rate >= 0.0);
    rate.ok_or_else(|| format!("\"{text}\" is not a number of 0 or more"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        for (text, seconds) in [("11h", 39_600.0), ("90s", 90.0), ("1h30m", 5400.0), ("250ms", 0.25), ("2d", 172_800.0)]
        {
            assert_eq!(duration(text).unwrap().as_secs_f64(), seconds, "{text}");
        }
        for text in ["", "11", "h", "11 h", "-1s", "1.5h", "1y", "99999999999999999999d", "18446744073709551615d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes() {
        for (text, size) in [("200G", 200_000_000_000), ("200Gi", 200 << 30), ("1KB", 1000), ("7", 7), ("3Mi", 3 << 20)]
        {
            assert_eq!(bytes(text).unwrap(), size, "{text}");
        }
        for text in ["", "G", "1.5G", "-1", "1g", "1Pi", "99999999T"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn counts() {
        for (text, number) in [("10M", 10_000_000), ("500K", 500_000), ("7", 7), ("1T", MOST)] {
            assert_eq!(count(text), Ok(number), "{text}");
        }
        for text in ["", "M", "1.5M", "-1", "10m", "10Mi", "10MB", "0", "2T", "1e6"] {
            assert!(count(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates() {
        assert_eq!(rate("0.5"), Ok(0.5));
        for text in ["-1", "nan", "inf", ""] {
            assert!(rate(text).is_err(), "{text}");
        }
    }
}
