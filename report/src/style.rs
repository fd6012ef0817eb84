//! How each family of codecs looks: a colour of the palette of Okabe and Ito, which people with colour-blindness tell
//! apart, and a marker, so that colour is never the only sign.

use bitsweep_proto::Codec;
use plotters::style::RGBColor;

/// Codecs that share a line in a plot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Family {
    /// Vectors as they are.
    Float32,
    /// Scalar quantisation.
    Int8,
    /// Product quantisation.
    Pq,
    /// The binary instrument.
    Binary,
}

/// The shape of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Marker {
    /// Standing on its corner.
    Diamond,
    /// Standing on its side.
    Square,
    /// Pointing up.
    Triangle,
    /// Round.
    Circle,
}

impl Family {
    /// All, in the order of the legend.
    pub(crate) const ALL: [Self; 4] = [Self::Float32, Self::Int8, Self::Pq, Self::Binary];

    /// The family of a codec.
    pub(crate) fn of(codec: Codec) -> Self {
        match codec {
            Codec::Float32 => Self::Float32,
            Codec::Int8 => Self::Int8,
            Codec::Pq { .. } => Self::Pq,
            Codec::Binary { .. } => Self::Binary,
        }
    }

    /// The name in the legend.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Int8 => "int8",
            Self::Pq => "pq",
            Self::Binary => "binary",
        }
    }

    /// Colour.
    pub(crate) fn color(self) -> RGBColor {
        match self {
            Self::Float32 => RGBColor(0, 0, 0),
            Self::Int8 => RGBColor(0, 158, 115),
            Self::Pq => RGBColor(213, 94, 0),
            Self::Binary => RGBColor(0, 114, 178),
        }
    }

    /// Marker.
    pub(crate) fn marker(self) -> Marker {
        match self {
            Self::Float32 => Marker::Diamond,
            Self::Int8 => Marker::Square,
            Self::Pq => Marker::Triangle,
            Self::Binary => Marker::Circle,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_families_look_alike() {
        for (i, a) in Family::ALL.into_iter().enumerate() {
            for b in &Family::ALL[..i] {
                assert!(a.color() != b.color() && a.marker() != b.marker() && a.name() != b.name());
            }
        }
    }
}
