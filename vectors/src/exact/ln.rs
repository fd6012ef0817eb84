//! The natural logarithm. The module docs of [`binary`](crate::binary) specify it.

/// The natural logarithm of a positive normal number.
pub(crate) fn ln(x: f64) -> f64 {
    /// ln 2 with its last 32 bits 0, so that a product with an exponent is exact, and what is missing of it.
    const HI: f64 = f64::from_bits(0x3FE6_2E42_FEE0_0000);
    const LO: f64 = f64::from_bits(0x3DEA_39EF_3579_3C76);
    const SERIES: [f64; 11] = [
        1.0 / 23.0,
        1.0 / 21.0,
        1.0 / 19.0,
        1.0 / 17.0,
        1.0 / 15.0,
        1.0 / 13.0,
        1.0 / 11.0,
        1.0 / 9.0,
        1.0 / 7.0,
        1.0 / 5.0,
        1.0 / 3.0,
    ];
    let bits = x.to_bits();
    let mut exponent = (bits >> 52) as i32 - 1023;
    let mut m = f64::from_bits(bits & ((1 << 52) - 1) | (1023 << 52));
    if m > std::f64::consts::SQRT_2 {
        m *= 0.5;
        exponent += 1;
    }
    let e = f64::from(exponent);
    let s = (m - 1.0) / (m + 1.0);
    let z = s * s;
    let p = SERIES[1..].iter().fold(SERIES[0], |sum, term| sum * z + term);
    let s2 = 2.0 * s;
    e * HI + (s2 + (s2 * (z * p) + e * LO))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Units in the last place between two numbers of the same sign.
    fn ulps(a: f64, b: f64) -> u64 {
        a.to_bits().abs_diff(b.to_bits())
    }

    #[test]
    fn ln_is_within_two_units_of_the_last_place() {
        for i in 1..200_000u32 {
            let x = f64::from(i) / 200_000.0;
            assert!(ulps(ln(x), x.ln()) <= 2, "ln {x}: {} {}", ln(x), x.ln());
            let x = (0.5 + f64::from(i)) * 2f64.powi(-(i as i32 % 1000) - 20);
            assert!(ulps(ln(x), x.ln()) <= 2, "ln {x}: {} {}", ln(x), x.ln());
        }
        assert_eq!(ln(1.0), 0.0);
        assert!(ulps(ln(2f64.powi(-53)), -53.0 * std::f64::consts::LN_2) <= 1);
    }
}
