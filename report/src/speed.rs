//! How long searches took: one row per cell and value. `bitsweep_jobs` defines the values.
//!
//! A table of its own, for it is of the machine that ran the jobs: run again, even on the same machine, they give other
//! numbers. It enters no other table.

use std::collections::BTreeMap;

use bitsweep_proto::codec::Scoring;
use bitsweep_proto::{Codec, Plan, Study};

use crate::Outcomes;
use crate::table::{Column, Field, Kind, Tidy, column};

/// What is known of the speed of a sweep's searches.
#[derive(Clone, Debug, PartialEq)]
pub struct Speeds {
    /// One for each cell that is finished, in the plan's order.
    pub all: Vec<Speed>,
}

/// How long searches of one codec took.
#[derive(Clone, Debug, PartialEq)]
pub struct Speed {
    /// The cell's name.
    pub cell: String,
    /// The model's name.
    pub model: String,
    /// The dataset's name.
    pub dataset: String,
    /// The codec with its seed.
    pub codec: Codec,
    /// What was counted: `documents`, `dim`, `queries`, `depth`, `warm_up`, `repeats`, `threads`, `kernel_bits`.
    pub facts: BTreeMap<String, u64>,
    /// Values by name.
    pub values: BTreeMap<String, f64>,
    /// The kernels that searched: those of Faiss, or our own with the bits of the registers that they use, or our own tables, which are
    /// portable code.
    pub kernels: String,
    /// CPU model of the machine that ran it.
    pub cpu: String,
    /// Version of bitsweep that ran it.
    pub version: String,
}

const COLUMNS: [Column; 17] = [
    column("cell", Kind::Text),
    column("model", Kind::Text),
    column("dataset", Kind::Text),
    column("codec", Kind::Text),
    Column { name: "seed", kind: Kind::Whole, optional: true },
    column("name", Kind::Text),
    column("value", Kind::Number),
    column("documents", Kind::Whole),
    column("dim", Kind::Whole),
    column("bytes_per_vector", Kind::Whole),
    column("queries", Kind::Whole),
    column("depth", Kind::Whole),
    column("repeats", Kind::Whole),
    column("threads", Kind::Whole),
    column("kernels", Kind::Text),
    column("cpu", Kind::Text),
    column("version", Kind::Text),
];

impl Speeds {
    /// The speeds of what is finished.
    pub fn of(plan: &Plan, outcomes: &Outcomes) -> Self {
        let studied = plan.cells.iter().filter(|planned| planned.cell.study() == Some(Study::Speed));
        let all = studied.filter_map(|planned| {
            let outcome = outcomes.get(&plan.jobs[planned.job as usize].key)?;
            let codec = planned.cell.codec().ok()?;
            let facts = outcome.produced.facts.clone();
            let bits = facts.get("kernel_bits").copied().unwrap_or_default();
            Some(Speed {
                cell: planned.cell.to_string(),
                model: planned.cell.model().to_owned(),
                dataset: planned.cell.dataset().to_owned(),
                codec,
                facts,
                values: outcome.produced.values.clone(),
                kernels: kernels((codec, bits), &plan.profiles.search.kernels),
                cpu: outcome.provenance.cpu.clone(),
                version: outcome.provenance.version.clone(),
            })
        });
        Self { all: all.collect() }
    }
}

/// See [`Speed::kernels`]: of a codec where our kernels use registers of so many bits, and Faiss' are called `faiss`.
fn kernels((codec, bits): (Codec, u64), faiss: &str) -> String {
    match codec.as_sign().map(|sign| sign.scoring) {
        Some(Scoring::Symmetric) => format!("own, {bits} bits"),
        Some(Scoring::Asymmetric) => format!("own tables; projection {bits} bits"),
        // What Faiss does not search is exact.
        None if codec.is_exact() => "own tables".to_owned(),
        None => faiss.to_owned(),
    }
}

impl Speed {
    /// A count; 0 where there is none.
    pub fn fact(&self, name: &str) -> u64 {
        self.facts.get(name).copied().unwrap_or_default()
    }

    /// Dimensions of the vectors.
    pub fn dim(&self) -> u32 {
        u32::try_from(self.fact("dim")).unwrap_or(u32::MAX)
    }

    /// Bytes of a vector as it is stored.
    pub fn bytes_per_vector(&self) -> u64 {
        self.codec.footprint(self.dim(), self.fact("documents")).bytes_per_vector
    }

    fn fields(&self, name: &str, value: f64) -> Vec<Field> {
        let count = |name: &str| Field::Whole(Some(self.fact(name)));
        let text = |text: &str| Field::Text(text.to_owned());
        vec![
            text(&self.cell),
            text(&self.model),
            text(&self.dataset),
            Field::Text(self.codec.name()),
            Field::Whole(self.codec.seed().map(u64::from)),
            text(name),
            Field::Number(Some(value)),
            count("documents"),
            count("dim"),
            Field::Whole(Some(self.bytes_per_vector())),
            count("queries"),
            count("depth"),
            count("repeats"),
            count("threads"),
            text(&self.kernels),
            text(&self.cpu),
            text(&self.version),
        ]
    }
}

impl Tidy for Speeds {
    const NAME: &'static str = "speed";
    const COLUMNS: &'static [Column] = &COLUMNS;

    fn fields(&self) -> impl Iterator<Item = Vec<Field>> {
        self.all.iter().flat_map(|speed| speed.values.iter().map(|(name, value)| speed.fields(name, *value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_named_by_what_searches() {
        for (name, expected) in [
            ("binary/64", "own, 512 bits"),
            ("binary/64/mean+itq", "own, 512 bits"),
            ("binary/64/mean+itq/asymmetric", "own tables; projection 512 bits"),
            ("int2", "own tables"),
            ("int8", "faiss-x"),
            ("pq4fs/8", "faiss-x"),
        ] {
            let codec = Codec::parse(name, None).or_else(|_| Codec::parse(name, Some(0))).unwrap();
            assert_eq!(kernels((codec, 512), "faiss-x"), expected, "{name}");
        }
    }
}
