//! Versions of services, as far as they are compared.

/// Major and minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(u32, u32);

impl Version {
    /// A version to compare with.
    pub(crate) const fn new(major: u32, minor: u32) -> Self {
        Self(major, minor)
    }

    /// Reads `3.10.8`, `7.2.4-rc1`, `4.0`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let major = parts.next()?.parse().ok()?;
        let minor = parts.next()?;
        let digits = minor.find(|c: char| !c.is_ascii_digit()).unwrap_or(minor.len());
        Some(Self(major, minor[..digits].parse().ok()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(Version::parse("3.9.29") < Some(Version::new(3, 10)));
        assert!(Version::parse("3.10.8") >= Some(Version::new(3, 10)));
        assert_eq!(Version::parse("8.0-rc1"), Some(Version::new(8, 0)));
        assert_eq!(Version::parse("x"), None);
    }
}
