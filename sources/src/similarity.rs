//! Similarity datasets: a folder with a CSV file of pairs for each split, in the layout of the STS Benchmark, and their canonical
//! form.
//!
//! A row is `sentence,sentence,score` ([`csv`]); a first row whose last field is `score` is a header. The canonical files are
//! described at [`LockedSimilarity`]; they depend on sentences and scores alone. The sentences that codecs are fitted on are
//! the different ones of their split without those of any measured pair: no codec has seen what it is measured on, although the
//! splits of STS-B share sentences.

use std::collections::HashSet;

use bitsweep_proto::lock::{LockedFile, LockedSimilarity, SimilarityCounts};

use crate::canonical::{Splits, TextFile, cut, json, put, rows, wrong};
use crate::csv;
use crate::error::Problem;
use crate::origin::Origin;
use crate::session::Session;

/// Reads and imports a dataset.
pub(crate) fn read(
    origin: &mut Origin,
    splits: &Splits<'_>,
    session: &mut Session<'_>,
) -> Result<LockedSimilarity, Problem> {
    let names = [find(origin, splits.measured, "split")?, find(origin, splits.fit, "fit")?];
    let measured = File::read(origin, &names[0], session)?;
    measured.check()?;
    let fit = File::read(origin, &names[1], session)?;
    let seen: HashSet<&str> = measured.pairs.iter().flat_map(Pair::sentences).collect();
    let mut different = HashSet::new();
    let of_fit = fit.pairs.iter().flat_map(Pair::sentences).filter(|sentence| different.insert(*sentence));
    let (shared, learnt): (Vec<&str>, Vec<&str>) = of_fit.partition(|sentence| seen.contains(sentence));
    if learnt.is_empty() {
        return Err(Problem::Broken(format!(
            "{}: every sentence stands in {} too, so there is nothing to fit codecs on; name another split with `fit:`",
            fit.raw.name, measured.raw.name
        )));
    }
    let mut warnings: Vec<String> = [&measured, &fit].into_iter().filter_map(File::blank_sentences).collect();
    if !shared.is_empty() {
        warnings.push(format!(
            "{}: {} sentences stand in {} too; codecs are not fitted on them",
            fit.raw.name,
            shared.len(),
            measured.raw.name
        ));
    }
    for warning in &warnings {
        session.warn(warning);
    }
    let pairs = &measured.pairs;
    Ok(LockedSimilarity {
        source: String::new(),
        split: splits.measured.to_owned(),
        fit: splits.fit.to_owned(),
        a: put("a.jsonl", rows(pairs.iter().map(|pair| pair.a.as_str())), session)?,
        b: put("b.jsonl", rows(pairs.iter().map(|pair| pair.b.as_str())), session)?,
        scores: put("scores.jsonl", pairs.iter().map(|pair| format!("{}\n", json(&pair.score))).collect(), session)?,
        fit_texts: put("fit.jsonl", rows(learnt.iter().copied()), session)?,
        counts: SimilarityCounts { pairs: pairs.len() as u64, fit: learnt.len() as u64 },
        files: vec![measured.raw, fit.raw],
        warnings,
    })
}

/// The name of the file of a split: `test.csv`, else the one whose name ends in `-test.csv` or `_test.csv`.
fn find(origin: &Origin, split: &str, key: &str) -> Result<String, Problem> {
    let exact = format!("{split}.csv");
    if origin.has(&exact) {
        return Ok(exact);
    }
    let of_split = |name: &&String| {
        let head = name.strip_suffix(&exact).filter(|head| !head.contains('/'));
        head.is_some_and(|head| head.ends_with(['-', '_']))
    };
    let found: Vec<&String> = origin.names.iter().filter(of_split).collect();
    match found.as_slice() {
        [only] => Ok((*only).clone()),
        [] => Err(Problem::Broken(format!(
            "expected a file {split}.csv or …-{split}.csv for `{key}: {split}`, {}",
            origin.what_is_there()
        ))),
        several => {
            let names: Vec<&str> = several.iter().map(|name| name.as_str()).collect();
            Err(Problem::Broken(format!(
                "`{key}: {split}` fits {}: name one of them, without its `.csv`",
                names.join(" and ")
            )))
        }
    }
}

/// Two sentences and how alike people found them.
struct Pair {
    a: String,
    b: String,
    score: f64,
}

impl Pair {
    fn sentences(&self) -> [&str; 2] {
        [&self.a, &self.b]
    }
}

/// A file as it was read.
struct File {
    raw: LockedFile,
    pairs: Vec<Pair>,
}

impl File {
    fn read(origin: &mut Origin, name: &str, session: &mut Session<'_>) -> Result<Self, Problem> {
        let TextFile { raw, text } = TextFile::read(origin, name, session)?;
        let wrong = |line: u64, what: &str| wrong(name, line, what);
        let records = csv::records(&text).map_err(|(line, what)| wrong(line, &what))?;
        let mut pairs = Vec::with_capacity(records.len());
        for (at, record) in records.into_iter().enumerate() {
            let line = record.line;
            let Ok([a, b, score]) = <[String; 3]>::try_from(record.fields) else {
                return Err(wrong(
                    line,
                    "expected three fields: sentence, sentence, score; quote a sentence with commas",
                ));
            };
            if at == 0 && score.trim().eq_ignore_ascii_case("score") {
                continue;
            }
            let number = score.trim().parse::<f64>().ok().filter(|number| number.is_finite());
            let number =
                number.ok_or_else(|| wrong(line, &format!("score {:?}, expected a finite number", cut(&score))))?;
            pairs.push(Pair { a, b, score: number + 0.0 });
        }
        Ok(Self { raw, pairs })
    }

    /// Whether a correlation with these scores can be anything.
    fn check(&self) -> Result<(), Problem> {
        let (name, count) = (&self.raw.name, self.pairs.len());
        if count < 2 {
            return Err(Problem::Broken(format!("{name} holds {count} pairs: a correlation needs at least 2")));
        }
        let first = self.pairs[0].score;
        if self.pairs.iter().all(|pair| pair.score == first) {
            return Err(Problem::Broken(format!(
                "{name}: all {count} scores are {first}: no correlation with them is defined; is the last column the score?"
            )));
        }
        Ok(())
    }

    fn blank_sentences(&self) -> Option<String> {
        let blank = self.pairs.iter().flat_map(Pair::sentences).filter(|sentence| sentence.trim().is_empty()).count();
        (blank > 0).then(|| format!("{}: {blank} sentences have no text", self.raw.name))
    }
}
