//! How codecs look in plots: a colour that people with colour-blindness tell apart (most of the palette of Okabe and Ito), and
//! a marker with a line, so that colour is never the only sign.

use std::fmt;

use bitsweep_proto::Codec;
use bitsweep_proto::codec::{Centre, PqScoring, Rotation, Scoring, Sign};
use plotters::style::RGBColor;

/// Codecs that share a line in a plot: they differ in their size and their seed only. Ordered as the legend is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Series {
    /// Vectors as they are.
    Float32,
    /// Scalar quantisation with 8 bits.
    Int8,
    /// The same with 4 bits.
    Int4,
    /// Product quantisation.
    Pq,
    /// The same after a learnt rotation.
    Opq,
    /// The same with 4 bits a sub-space.
    Pq4fs,
    PqCosine,
    OpqCosine,
    /// RaBitQ.
    Rabitq,
    /// Scalar quantisation with 2 bits.
    Int2,
    /// Graphs. They differ in what they are built and searched with, so no line joins them.
    Hnsw,
    /// Inverted lists, likewise.
    Ivfpq,
    /// The binary instrument (the defaults) and its variants.
    Binary(Centre, Rotation, Scoring),
    /// Vectors truncated to several lengths.
    Truncated,
    /// Codecs of truncated vectors. They differ in codec and length, so no line joins them.
    TruncatedCodes,
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
    /// Pointing down.
    Funnel,
    /// Round.
    Circle,
    /// Two bars, upright.
    Plus,
    /// Two bars, aslant.
    Cross,
    /// Five points.
    Star,
    /// Five corners.
    Pentagon,
    /// Two triangles that meet in a corner.
    Hourglass,
}

/// The line between points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// Unbroken.
    Solid,
    /// None: points that are no curve.
    None,
    /// Pixels drawn and pixels left out.
    Dashed(u32, u32),
}

/// How one series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Look {
    pub(crate) color: RGBColor,
    pub(crate) marker: Marker,
    /// Whether the marker is an outline.
    pub(crate) hollow: bool,
    pub(crate) line: Line,
}

impl Series {
    /// The series of a codec.
    pub(crate) fn of(codec: Codec) -> Self {
        match (codec, codec.as_sign()) {
            (_, Some(Sign { centre, rotation, scoring, .. })) => Self::Binary(centre, rotation, scoring),
            (Codec::Int8, _) => Self::Int8,
            (Codec::Int4, _) => Self::Int4,
            (Codec::Pq(pq), _) if pq.scoring == PqScoring::Cosine => Self::PqCosine,
            (Codec::Opq(pq), _) if pq.scoring == PqScoring::Cosine => Self::OpqCosine,
            (Codec::Pq(_), _) => Self::Pq,
            (Codec::Opq(_), _) => Self::Opq,
            (Codec::Pq4fs(_), _) => Self::Pq4fs,
            (Codec::Rabitq, _) => Self::Rabitq,
            (Codec::Int2, _) => Self::Int2,
            (Codec::Hnsw(_), _) => Self::Hnsw,
            (Codec::Ivfpq(_), _) => Self::Ivfpq,
            (Codec::Float32 | Codec::Binary { .. } | Codec::Sign(_), _) => Self::Float32,
        }
    }

    /// The series of a codec of truncated vectors.
    pub(crate) fn of_truncated(codec: Codec) -> Self {
        if codec == Codec::Float32 { Self::Truncated } else { Self::TruncatedCodes }
    }

    /// How it is drawn.
    pub(crate) fn look(self) -> Look {
        let look = |(r, g, b), marker, hollow, line| Look { color: RGBColor(r, g, b), marker, hollow, line };
        match self {
            Self::Float32 => look((0, 0, 0), Marker::Diamond, false, Line::Dashed(7, 5)),
            Self::Int8 => look((0, 158, 115), Marker::Square, false, Line::Solid),
            Self::Int4 => look((0, 158, 115), Marker::Square, true, Line::Solid),
            Self::Pq => look((213, 94, 0), Marker::Triangle, false, Line::Solid),
            Self::Opq => look((230, 159, 0), Marker::Funnel, false, Line::Solid),
            Self::PqCosine => look((213, 94, 0), Marker::Triangle, false, Line::Dashed(10, 4)),
            Self::OpqCosine => look((230, 159, 0), Marker::Funnel, false, Line::Dashed(10, 4)),
            Self::Pq4fs => look((213, 94, 0), Marker::Triangle, true, Line::Solid),
            Self::Rabitq => look((160, 100, 40), Marker::Hourglass, false, Line::Solid),
            Self::Int2 => look((0, 158, 115), Marker::Square, false, Line::Dashed(6, 4)),
            Self::Hnsw => look((90, 60, 150), Marker::Diamond, true, Line::None),
            Self::Ivfpq => look((120, 120, 0), Marker::Hourglass, true, Line::None),
            Self::Truncated => look((0, 0, 0), Marker::Diamond, false, Line::Solid),
            Self::TruncatedCodes => look((90, 90, 90), Marker::Pentagon, true, Line::None),
            Self::Binary(centre, rotation, scoring) => {
                let (color, marker) = match rotation {
                    Rotation::None => ((110, 110, 110), Marker::Plus),
                    Rotation::Gaussian => ((0, 114, 178), Marker::Circle),
                    Rotation::Orthonormal => ((86, 180, 233), Marker::Cross),
                    Rotation::Pca => ((204, 121, 167), Marker::Pentagon),
                    Rotation::Itq => ((170, 51, 119), Marker::Star),
                };
                let line = match centre {
                    Centre::None => Line::Solid,
                    Centre::Mean => Line::Dashed(10, 4),
                    Centre::Median => Line::Dashed(3, 3),
                };
                look(color, marker, scoring == Scoring::Asymmetric, line)
            }
        }
    }
}

/// The name in the legend.
impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Float32 => f.write_str("float32"),
            Self::Int8 => f.write_str("int8"),
            Self::Int4 => f.write_str("int4"),
            Self::Pq => f.write_str("pq"),
            Self::Opq => f.write_str("opq"),
            Self::Pq4fs => f.write_str("pq4fs"),
            Self::PqCosine => f.write_str("pq cosine"),
            Self::OpqCosine => f.write_str("opq cosine"),
            Self::Rabitq => f.write_str("rabitq"),
            Self::Int2 => f.write_str("int2"),
            Self::Hnsw => f.write_str("hnsw"),
            Self::Ivfpq => f.write_str("ivfpq"),
            Self::Truncated => f.write_str("float32, fewer dimensions"),
            Self::TruncatedCodes => f.write_str("others, fewer dimensions"),
            Self::Binary(centre, rotation, scoring) => {
                f.write_str("binary")?;
                if (*centre, *rotation) != (Centre::None, Rotation::Gaussian) {
                    write!(f, " {}+{}", centre.name(), rotation.name())?;
                }
                match scoring {
                    Scoring::Symmetric => Ok(()),
                    Scoring::Asymmetric => f.write_str(" asymmetric"),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all() -> Vec<Series> {
        let mut all =
            vec![Series::Float32, Series::Int8, Series::Int4, Series::Pq, Series::Opq, Series::Pq4fs, Series::Rabitq];
        all.extend([Series::PqCosine, Series::OpqCosine]);
        all.extend([Series::Int2, Series::Hnsw, Series::Ivfpq, Series::Truncated, Series::TruncatedCodes]);
        for centre in [Centre::None, Centre::Mean, Centre::Median] {
            for rotation in [Rotation::None, Rotation::Gaussian, Rotation::Orthonormal, Rotation::Pca, Rotation::Itq] {
                all.extend([Scoring::Symmetric, Scoring::Asymmetric].map(|s| Series::Binary(centre, rotation, s)));
            }
        }
        all
    }

    #[test]
    fn no_two_series_look_alike_even_without_colour() {
        for (i, a) in all().into_iter().enumerate() {
            for b in &all()[..i] {
                let (x, y) = (a.look(), b.look());
                assert!((x.marker, x.hollow, x.line) != (y.marker, y.hollow, y.line), "{a}, {b}");
                assert_ne!(a.to_string(), b.to_string());
            }
        }
    }

    #[test]
    fn the_instrument_is_called_binary() {
        assert_eq!(Series::of(Codec::Binary { bits: 64, seed: 1 }).to_string(), "binary");
        let codec = Codec::parse("binary/64/mean+itq/asymmetric", Some(1)).unwrap();
        assert_eq!(Series::of(codec).to_string(), "binary mean+itq asymmetric");
        assert_eq!(Series::of(Codec::Float32), Series::Float32);
    }
}
