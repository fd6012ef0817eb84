//! A cell: one point of the matrix, one row of the results table.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::codec::{Codec, NotACodec};
use crate::rescore::Rescore;
use crate::study::Study;

/// An axis of the matrix. The order here is the order in a cell and in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Axis {
    /// The model's name in the manifest.
    Model,
    /// The dataset's name in the manifest.
    Dataset,
    /// The codec's canonical name.
    Codec,
    /// The codec's seed; absent where it has none.
    Seed,
    /// Dimensions that the vectors are truncated to; absent where they are whole.
    Dims,
    /// The second stage; absent where there is none.
    Rescore,
    /// What is studied where it is not how well a codec retrieves: see [`Study`].
    Study,
}

impl Axis {
    /// The axis as it is written in a cell's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Model => "model",
            Self::Dataset => "dataset",
            Self::Codec => "codec",
            Self::Seed => "seed",
            Self::Dims => "dims",
            Self::Rescore => "rescore",
            Self::Study => "study",
        }
    }

    fn parse(name: &str) -> Option<Self> {
        let all = [Self::Model, Self::Dataset, Self::Codec, Self::Seed, Self::Dims, Self::Rescore, Self::Study];
        all.into_iter().find(|axis| axis.name() == name)
    }
}

/// An ordered map axis → value. Written as `model=m,dataset=d,codec=binary/256,seed=0`, which parses back.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cell(Vec<(Axis, String)>);

impl Cell {
    /// The cell of one model, dataset and codec, whatever the dataset's task.
    pub fn retrieval(model: &str, dataset: &str, codec: Codec) -> Self {
        let mut axes =
            vec![(Axis::Model, model.to_owned()), (Axis::Dataset, dataset.to_owned()), (Axis::Codec, codec.name())];
        axes.extend(codec.seed().map(|seed| (Axis::Seed, seed.to_string())));
        Self(axes)
    }

    /// The same cell of vectors truncated to so many dimensions; whole ones where it is none.
    pub fn truncated(mut self, dims: Option<u32>) -> Self {
        let place = self.0.partition_point(|(axis, _)| *axis < Axis::Dims);
        if let Some(dims) = dims {
            self.0.insert(place, (Axis::Dims, dims.to_string()));
        }
        self
    }

    /// The same cell with a second stage.
    pub fn rescored(mut self, rescore: Option<Rescore>) -> Self {
        self.0.extend(rescore.map(|rescore| (Axis::Rescore, rescore.to_string())));
        self
    }

    /// The cell of the geometry of one model on one dataset.
    pub fn geometry(model: &str, dataset: &str) -> Self {
        let axes = [(Axis::Model, model), (Axis::Dataset, dataset), (Axis::Study, Study::Geometry.name())];
        Self(axes.map(|(axis, value)| (axis, value.to_owned())).to_vec())
    }

    /// The same cell, of whose codec something else is studied.
    pub fn studied(mut self, study: Study) -> Self {
        self.0.retain(|(axis, _)| *axis != Axis::Study);
        self.0.push((Axis::Study, study.name().to_owned()));
        self
    }

    /// The cell of which something is studied: this one without its study. Of a geometry, model and dataset alone.
    pub fn configuration(&self) -> Self {
        Self(self.0.iter().filter(|(axis, _)| *axis != Axis::Study).cloned().collect())
    }

    /// What is studied; `None` where it is how well a codec does its task.
    pub fn study(&self) -> Option<Study> {
        Study::parse(self.get(Axis::Study)?)
    }

    /// Whether it is a point of a study of codecs, of retrieval or of another task: such a cell has a codec.
    pub fn is_retrieval(&self) -> bool {
        self.get(Axis::Study).is_none()
    }

    /// The value on `axis`, or `None` where the cell has none.
    pub fn get(&self, axis: Axis) -> Option<&str> {
        self.0.iter().find(|(a, _)| *a == axis).map(|(_, value)| value.as_str())
    }

    /// The axes with their values, in order.
    pub fn axes(&self) -> impl Iterator<Item = (Axis, &str)> {
        self.0.iter().map(|(axis, value)| (*axis, value.as_str()))
    }

    /// The model's name, empty where the cell has none.
    pub fn model(&self) -> &str {
        self.get(Axis::Model).unwrap_or_default()
    }

    /// The dataset's name, empty where the cell has none.
    pub fn dataset(&self) -> &str {
        self.get(Axis::Dataset).unwrap_or_default()
    }

    /// Dimensions that its vectors are truncated to; `None` where they are whole.
    pub fn dims(&self) -> Option<u32> {
        self.get(Axis::Dims)?.parse().ok()
    }

    /// The second stage; `None` where there is none.
    pub fn rescore(&self) -> Option<Rescore> {
        Rescore::parse(self.get(Axis::Rescore)?)
    }

    /// The codec that the axes `codec` and `seed` name.
    pub fn codec(&self) -> Result<Codec, NotACodec> {
        let name = self.get(Axis::Codec).unwrap_or_default();
        let seed = match self.get(Axis::Seed) {
            Some(text) => {
                let seed = text.parse::<u32>().ok().filter(|seed| seed.to_string() == text);
                Some(seed.ok_or_else(|| NotACodec { name: format!("{name},seed={text}"), seed: None })?)
            }
            None => None,
        };
        Codec::parse(name, seed)
    }

    /// Reads a cell's name back; `None` where `text` is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let mut axes = Vec::new();
        for part in text.split(',') {
            let (axis, value) = part.split_once('=')?;
            axes.push((Axis::parse(axis)?, value.to_owned()));
        }
        axes.is_sorted_by(|a, b| a.0 < b.0).then_some(Self(axes))
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (axis, value)) in self.0.iter().enumerate() {
            write!(f, "{}{}={value}", if i == 0 { "" } else { "," }, axis.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_parse_back() {
        let cell = Cell::retrieval("m", "d", Codec::Binary { bits: 64, seed: 3 });
        assert_eq!(cell.to_string(), "model=m,dataset=d,codec=binary/64,seed=3");
        assert_eq!(Cell::parse(&cell.to_string()), Some(cell.clone()));
        assert_eq!(cell.codec().unwrap(), Codec::Binary { bits: 64, seed: 3 });
        let rescore = Rescore::parse("float32/80");
        let rescored = cell.clone().rescored(rescore);
        assert_eq!(rescored.to_string(), "model=m,dataset=d,codec=binary/64,seed=3,rescore=float32/80");
        assert_eq!(Cell::parse(&rescored.to_string()), Some(rescored.clone()));
        assert_eq!((rescored.rescore(), cell.rescore(), cell.clone().rescored(None)), (rescore, None, cell.clone()));
        let truncated = cell.clone().truncated(Some(128));
        assert_eq!(truncated.to_string(), "model=m,dataset=d,codec=binary/64,seed=3,dims=128");
        assert_eq!(Cell::parse(&truncated.to_string()), Some(truncated.clone()));
        assert_eq!(rescored.clone().truncated(Some(128)), truncated.clone().rescored(rescore));
        assert_eq!((truncated.dims(), cell.dims(), cell.clone().truncated(None)), (Some(128), None, cell.clone()));
        let geometry = Cell::geometry("m", "d");
        assert_eq!(geometry.to_string(), "model=m,dataset=d,study=geometry");
        assert_eq!(Cell::parse(&geometry.to_string()), Some(geometry.clone()));
        assert!(cell.is_retrieval() && !geometry.is_retrieval());
        let codes = cell.clone().studied(Study::Codes);
        assert_eq!(codes.to_string(), "model=m,dataset=d,codec=binary/64,seed=3,study=codes");
        assert_eq!(Cell::parse(&codes.to_string()), Some(codes.clone()));
        assert_eq!([&cell, &geometry, &codes].map(Cell::study), [None, Some(Study::Geometry), Some(Study::Codes)]);
        assert_eq!(codes.codec().unwrap(), cell.codec().unwrap());
        assert_eq!((codes.configuration(), cell.configuration()), (cell.clone(), cell.clone()));
        assert!(!codes.is_retrieval() && codes.clone().studied(Study::Codes) == codes);
        for wrong in
            ["dataset=d,model=m", "model=m,model=n", "model", "", "bits=3", "model=m,", "rescore=int8/8,seed=0"]
        {
            assert_eq!(Cell::parse(wrong), None, "{wrong}");
        }
        for wrong in ["codec=float32,seed=x", "codec=binary/64,seed=03", "codec=binary/64,seed=4294967296", "model=m"] {
            assert!(Cell::parse(wrong).unwrap().codec().is_err(), "{wrong}");
        }
    }
}
