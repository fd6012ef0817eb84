//! What a cell studies where it is not how well a codec retrieves.

use std::fmt;

/// A study beside the results: its cells have the axis `study`, and tables of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Study {
    /// The geometry of one model's embeddings of one dataset.
    Geometry,
    /// The bits of one codec's binary codes.
    Codes,
    /// How fast one codec is searched.
    Speed,
}

impl Study {
    /// Every study, in the order of the tables.
    pub const ALL: [Self; 3] = [Self::Geometry, Self::Codes, Self::Speed];

    /// The name, as it is the value of the axis `study`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Geometry => "geometry",
            Self::Codes => "codes",
            Self::Speed => "speed",
        }
    }

    /// Reads a name back; `None` where `name` is none.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|study| study.name() == name)
    }
}

impl fmt::Display for Study {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        for study in Study::ALL {
            assert_eq!(Study::parse(&study.to_string()), Some(study));
        }
        assert_eq!(Study::parse("Geometry"), None);
    }
}
