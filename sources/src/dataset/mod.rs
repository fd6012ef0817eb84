//! Datasets in BEIR layout (`corpus.jsonl`, `queries.jsonl`, `qrels/<split>.tsv`) and their canonical form.
//!
//! The canonical files are described at [`LockedDataset`]; they depend on documents, queries and judgements alone, so
//! line ends, blank lines, a byte order mark, further keys or the way a dataset came do not change their hashes. Files
//! are read line by line; only ids and judgements are held in memory. A sample is a dataset like any other: its corpus holds what
//! was chosen, in the order of the file.

mod identical;
mod lines;
mod qrels;
mod records;
mod sample;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use bitsweep_proto::lock::{DatasetCounts, LockedDataset, LockedFile};

use crate::error::Problem;
use crate::origin::Origin;
use crate::session::Session;

pub(crate) use identical::ignored_by_default;
use qrels::Qrels;
use records::Records;
use sample::Chosen;
pub(crate) use sample::{Asked, change_of_pool};

const CORPUS: &str = "corpus.jsonl";
const QUERIES: &str = "queries.jsonl";

/// Reads and imports a dataset.
pub(crate) fn read(
    origin: &mut Origin,
    (split, asked): (&str, Option<Asked<'_>>),
    session: &mut Session<'_>,
) -> Result<LockedDataset, Problem> {
    let qrels_name = require(origin, split)?;
    let folder = session.temporary()?;
    let mut odd = Vec::new();
    let mut qrels = Qrels::read(&origin.get(&qrels_name, session)?, &qrels_name)?;
    let queries = queries(&origin.get(QUERIES, session)?, folder.path(), &mut qrels, session)?;
    let corpus = origin.get(CORPUS, session)?;
    let chosen = asked.map(|asked| sample::choose(asked, (&corpus, CORPUS), &qrels, session.options)).transpose()?;
    let documents = documents((&corpus, folder.path()), &qrels, chosen.as_ref(), session)?;
    odd.extend(chosen.as_ref().map(Chosen::warning));
    odd.extend(qrels.warnings);
    odd.extend(queries.warnings);
    odd.extend(documents.warnings);
    for warning in &odd {
        session.warn(warning);
    }
    let text = qrels::canonical(&qrels.kept);
    let sha256 = session.content.put_bytes(text.as_bytes())?;
    Ok(LockedDataset {
        source: String::new(),
        files: vec![documents.raw, queries.raw, qrels.raw],
        split: split.to_owned(),
        ignore_identical_ids: false,
        corpus: documents.canonical,
        document_ids: documents.ids,
        queries: queries.canonical,
        qrels: LockedFile { name: "qrels.tsv".into(), bytes: text.len() as u64, sha256 },
        counts: DatasetCounts {
            documents: documents.rows,
            queries: qrels.kept.len() as u64,
            queries_without_judgements: queries.unjudged,
            judgements: qrels.kept.values().map(|judged| judged.len() as u64).sum(),
        },
        warnings: odd,
        sample: chosen.map(|chosen| chosen.locked),
    })
}

/// Checks that the three files are there; returns the name of the judgements' file.
fn require(origin: &Origin, split: &str) -> Result<String, Problem> {
    for name in [CORPUS, QUERIES] {
        if !origin.has(name) {
            return Err(Problem::Broken(format!("expected {name} in a dataset folder, {}", origin.what_is_there())));
        }
    }
    let name = format!("qrels/{split}.tsv");
    if origin.has(&name) {
        return Ok(name);
    }
    let splits: Vec<&str> =
        origin.names.iter().filter_map(|name| name.strip_prefix("qrels/")?.strip_suffix(".tsv")).collect();
    let splits = if splits.is_empty() { "no file qrels/….tsv".to_owned() } else { splits.join(", ") };
    Err(Problem::Broken(format!("expected {name} for split \"{split}\", found {splits}; name a split with `split:`")))
}

/// What came of `queries.jsonl`.
struct Queries {
    raw: LockedFile,
    canonical: LockedFile,
    unjudged: u64,
    warnings: Vec<String>,
}

/// Keeps the judged queries, and of the judgements those of known queries.
fn queries(path: &Path, folder: &Path, qrels: &mut Qrels, session: &Session<'_>) -> Result<Queries, Problem> {
    let mut out = Output::create(folder, QUERIES)?;
    let mut records = Records::open(path, QUERIES, "query")?;
    let mut unknown: BTreeMap<&str, u64> =
        qrels.kept.iter().map(|(query, judged)| (query.as_str(), judged.len() as u64)).collect();
    let (mut unjudged, mut empty) = (0, 0);
    while let Some(record) = records.next_record()? {
        if !qrels.kept.contains_key(&record.id) {
            unjudged += 1;
            continue;
        }
        unknown.remove(record.id.as_str());
        empty += u64::from(record.text.trim().is_empty());
        out.line(&records::canonical_query(&record))?;
    }
    let mut warnings = Vec::new();
    let name = &qrels.raw.name;
    if let Some((first, _)) = unknown.first_key_value() {
        let (queries, judgements) = (unknown.len(), unknown.values().sum::<u64>());
        warnings.push(format!(
            "{name}: {judgements} judgements name {queries} queries that {QUERIES} lacks; they are left out (\"{first}\" …)"
        ));
    }
    if empty > 0 {
        warnings.push(format!("{QUERIES}: {empty} judged queries have no text"));
    }
    let unknown: Vec<String> = unknown.into_keys().map(str::to_owned).collect();
    for query in &unknown {
        qrels.kept.remove(query);
    }
    if qrels.kept.is_empty() {
        let rows = records.rows();
        return Err(Problem::Broken(format!(
            "{name} judges none of the {rows} queries of {QUERIES}: expected at least one query with judgements"
        )));
    }
    Ok(Queries { raw: records.finish(), canonical: out.import(session)?, unjudged, warnings })
}

/// What came of `corpus.jsonl`.
struct Documents {
    raw: LockedFile,
    canonical: LockedFile,
    ids: LockedFile,
    rows: u64,
    warnings: Vec<String>,
}

/// Keeps all documents, or those that were chosen.
fn documents(
    (path, folder): (&Path, &Path),
    qrels: &Qrels,
    chosen: Option<&Chosen>,
    session: &Session<'_>,
) -> Result<Documents, Problem> {
    let mut out = Output::create(folder, CORPUS)?;
    let mut ids = Output::create(folder, "document_ids.jsonl")?;
    let mut records = Records::open(path, CORPUS, "document")?;
    let mut unknown = BTreeMap::new();
    for document in qrels.kept.values().flat_map(BTreeMap::keys) {
        *unknown.entry(document.as_str()).or_insert(0_u64) += 1;
    }
    let (mut rows, mut empty) = (0, 0);
    while let Some(record) = records.next_record()? {
        if chosen.is_some_and(|chosen| !chosen.has(&record.id)) {
            continue;
        }
        rows += 1;
        unknown.remove(record.id.as_str());
        empty += u64::from(record.title.trim().is_empty() && record.text.trim().is_empty());
        out.line(&records::canonical_document(&record))?;
        ids.line(&records::canonical_id(&record.id))?;
    }
    if rows == 0 {
        return Err(Problem::Broken(format!("{CORPUS} holds no document")));
    }
    let mut warnings = Vec::new();
    if let Some((first, _)) = unknown.first_key_value() {
        let (documents, judgements) = (unknown.len(), unknown.values().sum::<u64>());
        warnings.push(format!(
            "{}: {judgements} judgements name {documents} documents that {CORPUS} lacks; no search can find them, \
             measures count them (\"{first}\" …)",
            qrels.raw.name
        ));
    }
    if empty > 0 {
        warnings.push(format!("{CORPUS}: {empty} documents have neither title nor text"));
    }
    Ok(Documents { raw: records.finish(), canonical: out.import(session)?, ids: ids.import(session)?, rows, warnings })
}

/// A canonical file being written.
struct Output {
    name: &'static str,
    path: std::path::PathBuf,
    file: BufWriter<File>,
}

impl Output {
    fn create(folder: &Path, name: &'static str) -> Result<Self, Problem> {
        let path = folder.join(name);
        let file = File::create(&path).map_err(Problem::local("creating", &path))?;
        Ok(Self { name, file: BufWriter::new(file), path })
    }

    fn line(&mut self, line: &str) -> Result<(), Problem> {
        let written = self.file.write_all(line.as_bytes()).and_then(|()| self.file.write_all(b"\n"));
        written.map_err(Problem::local("writing", &self.path))
    }

    fn import(mut self, session: &Session<'_>) -> Result<LockedFile, Problem> {
        self.file.flush().map_err(Problem::local("writing", &self.path))?;
        session.import(self.name, &self.path)
    }
}
