//! The table and its exports, against golden files and read back.

use bitsweep_proto::{Cell, Codec};
use bitsweep_report::{ReportError, Table, export};
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::record::{Field, RowAccessor};

use crate::synthetic;

/// Three finished cells, one that is not; a name with a comma, a quote and a line break; numbers that need all digits.
fn small() -> Table {
    let odd = "a \"model\", with\nall";
    let mut sweep = synthetic::empty(&["m", odd], &["d"], &["nDCG@10", "Overlap@10"]);
    sweep.done(("m", "d", Codec::Float32), &[0.1 + 0.2, 1.0], 0.0);
    sweep.done(("m", "d", Codec::Binary { bits: 64, seed: 2 }), &[1.0 / 3.0, 1e-7], 0.0);
    sweep.done((odd, "d", Codec::pq(8)), &[0.5, 0.25], 0.0625);
    sweep.add(Cell::retrieval("m", "d", Codec::Int8), Codec::Int8);
    sweep.plan.lock.datasets.get_mut("d").unwrap().counts.documents = 4096;
    Table::of(&sweep.plan, &sweep.outcomes).unwrap()
}

fn csv(table: &Table) -> String {
    let mut bytes = Vec::new();
    export::csv(table, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn csv_is_golden() {
    assert_eq!(csv(&small()), include_str!("golden/table.csv"));
    assert_eq!((small().cells, small().missing), (4, 1));
}

#[test]
fn json_is_golden_and_agrees_with_csv() {
    let mut bytes = Vec::new();
    export::json(&small(), &mut bytes).unwrap();
    assert_eq!(String::from_utf8(bytes.clone()).unwrap(), include_str!("golden/table.json"));
    let rows: Vec<serde_json::Map<String, serde_json::Value>> = serde_json::from_slice(&bytes).unwrap();
    let text = csv(&small());
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let names: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    for (record, row) in reader.records().map(Result::unwrap).zip(rows) {
        assert_eq!(row.keys().cloned().collect::<Vec<_>>(), names);
        for (name, text) in names.iter().zip(record.iter()) {
            match &row[name] {
                serde_json::Value::Null => assert_eq!(text, ""),
                serde_json::Value::String(value) => assert_eq!(text, value),
                number => assert_eq!(text.parse::<f64>().unwrap().to_bits(), number.as_f64().unwrap().to_bits()),
            }
        }
    }
}

#[test]
fn parquet_reads_back() {
    let table = small();
    let mut bytes = Vec::new();
    export::parquet(&table, &mut bytes).unwrap();
    let mut again = Vec::new();
    export::parquet(&table, &mut again).unwrap();
    assert_eq!(bytes, again);
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("table.parquet");
    std::fs::write(&path, bytes).unwrap();
    let reader = SerializedFileReader::new(std::fs::File::open(path).unwrap()).unwrap();
    let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
    assert_eq!(rows.len(), table.rows.len());
    for (row, expected) in rows.iter().zip(&table.rows) {
        assert_eq!(row.get_string(0).unwrap(), &expected.cell.to_string());
        assert_eq!(row.get_double(7).unwrap().to_bits(), expected.measured.value.to_bits());
        assert_eq!(row.get_long(8).unwrap(), 300);
        let columns: Vec<(&String, &Field)> = row.get_column_iter().collect();
        let seed = expected.codec.seed().map_or(Field::Null, |seed| Field::Long(i64::from(seed)));
        assert_eq!(columns[4], (&"seed".to_owned(), &seed));
        let trec_eval = expected.measured.value_trec_eval.map_or(Field::Null, Field::Double);
        assert_eq!(columns[11], (&"value_trec_eval".to_owned(), &trec_eval));
        let shared = expected.codec.footprint(expected.dim, expected.documents).shared_bytes as f64 / 4096.0;
        assert_eq!(columns[15], (&"shared_bytes_per_vector".to_owned(), &Field::Double(shared)));
    }
}

#[test]
fn an_empty_table_is_a_table() {
    let sweep = synthetic::empty(&[], &[], &["MRR"]);
    let table = Table::of(&sweep.plan, &sweep.outcomes).unwrap();
    assert_eq!(csv(&table).lines().count(), 1);
    let mut bytes = Vec::new();
    export::json(&table, &mut bytes).unwrap();
    assert_eq!(serde_json::from_slice::<serde_json::Value>(&bytes).unwrap(), serde_json::json!([]));
    bytes.clear();
    export::parquet(&table, &mut bytes).unwrap();
    assert!(bytes.starts_with(b"PAR1") && bytes.ends_with(b"PAR1"));
}

#[test]
fn a_plan_at_odds_with_itself_is_an_error() {
    let mut sweep = synthetic::empty(&["m"], &["d"], &["MRR"]);
    for (model, dataset, what) in [("other", "d", "model \"other\""), ("m", "else", "dataset \"else\"")] {
        sweep.plan.cells.clear();
        sweep.done((model, dataset, Codec::Int8), &[0.5], 0.0);
        let error = Table::of(&sweep.plan, &sweep.outcomes).unwrap_err().to_string();
        let cell = format!("cell model={model},dataset={dataset},codec=int8");
        assert_eq!(error, format!("{cell} names the {what}, which the plan's lock does not have"));
    }
}

/// A writer without room.
struct Full;

impl std::io::Write for Full {
    fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
        Err(std::io::ErrorKind::StorageFull.into())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_full_disk_is_an_error() {
    let table = small();
    for error in [export::csv(&table, Full), export::json(&table, Full), export::parquet(&table, Full)] {
        assert!(error.unwrap_err().to_string().starts_with("failed to write "));
    }
}

#[test]
fn trec_files_are_as_trec_eval_reads_them() {
    let folder = tempfile::tempdir().unwrap();
    let cell = Cell::retrieval("org/m", "d", Codec::Binary { bits: 64, seed: 2 });
    let queries = [("q2", vec![("a", 0.5), ("b", -0.0), ("c", 0.0), ("d", 1e-7)]), ("q1", vec![("é", 0.1)])];
    let path = export::trec_run(folder.path(), &cell, queries).unwrap();
    assert_eq!(path.file_name().unwrap(), "org%2Fm+d+binary-64+seed-2.run");
    let expected = "q2 Q0 a 1 0.5 binary/64/2\nq2 Q0 d 2 0.0000001 binary/64/2\nq2 Q0 c 3 0 binary/64/2\n\
                    q2 Q0 b 4 -0 binary/64/2\nq1 Q0 é 1 0.1 binary/64/2\n";
    assert_eq!(std::fs::read_to_string(path).unwrap(), expected);
    let path = export::trec_qrels(folder.path(), "d", [("q", "a", 2), ("q", "b", -1)]).unwrap();
    assert_eq!(path.file_name().unwrap(), "d.qrels");
    assert_eq!(std::fs::read_to_string(path).unwrap(), "q 0 a 2\nq 0 b -1\n");
    for id in ["", "two words", "a\u{a0}b"] {
        let error = export::trec_run(folder.path(), &cell, [("q", vec![(id, 1.0)])]).unwrap_err();
        assert!(matches!(error, ReportError::TrecId { what: "document", .. }), "{error}");
    }
}

#[test]
fn file_names_are_safe_and_differ() {
    let name = |model: &str, dataset: &str| export::trec_file_name(&Cell::retrieval(model, dataset, Codec::Int8));
    assert_eq!(name("../../etc", "a b+c"), "..%2F..%2Fetc+a%20b%2Bc+int8");
    assert_ne!(name("a+b", "c"), name("a", "b+c"));
    let long = "x".repeat(300);
    assert!(name(&long, "a").len() < 255);
    assert_ne!(name(&long, "a"), name(&long, "b"));
}
