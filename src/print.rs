//! Text for people: bytes, durations, aligned columns.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use bitsweep_report::Table;

use crate::exit::{Exit, Failure};

/// Writes to standard output. Whoever reads it may close it early (`| head`): then nothing more is to be said.
pub(crate) fn out(text: &str) -> Result<(), Failure> {
    out_bytes(text.as_bytes())
}

/// As [`out`], for what is not text.
pub(crate) fn out_bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout();
    match stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(Exit::Done as i32),
        written => written.map_err(|error| Failure::wrong(format!("failed to write to standard output: {error}"))),
    }
}

/// `1536` → `1.5 KiB`.
pub(crate) fn bytes(count: u64) -> String {
    const UNITS: [&str; 5] = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut value = count as f64;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{count} B") } else { format!("{value:.1} {}", UNITS[unit]) }
}

/// Seconds as `3.2 s`, `4 min 10 s`, `2 h 5 min`.
pub(crate) fn seconds(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..60 => format!("{seconds:.1} s"),
        60..3600 => format!("{} min {} s", whole / 60, whole % 60),
        _ => format!("{} h {} min", whole / 3600, whole % 3600 / 60),
    }
}

/// `1 cell`, `2 cells`.
pub(crate) fn count(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// Rows as columns of equal width: the first left-aligned, the others right-aligned. The first row is the header.
pub(crate) fn columns(rows: &[Vec<String>]) -> String {
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..rows.iter().map(Vec::len).max().unwrap_or(0)).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let width = widths[column];
            let _ = if column == 0 { write!(line, "{cell:<width$}") } else { write!(line, "  {cell:>width$}") };
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Says on standard error why a table lacks results that are there.
pub(crate) fn withheld(table: &Table) {
    for missed in &table.missed {
        eprintln!("note: {missed} ({} in all)", count(table.withheld, "cell", "cells"));
    }
}

/// Says on standard error that a table lacks cells that are not done.
pub(crate) fn missing(table: &Table) {
    missing_of(table.missing, table.cells);
}

/// The same of so many cells.
pub(crate) fn missing_of(missing: usize, cells: usize) {
    if missing > 0 {
        eprintln!("note: {missing} of {cells} cells have no result yet and no rows; see `bitsweep status`");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_can_read_it() {
        assert_eq!(bytes(0), "0 B");
        assert_eq!(bytes(1536), "1.5 KiB");
        assert_eq!(seconds(3.24), "3.2 s");
        assert_eq!(seconds(250.0), "4 min 10 s");
        assert_eq!(seconds(7500.0), "2 h 5 min");
        let rows = [vec!["codec".to_owned(), "bytes".to_owned()], vec!["pq/8".to_owned(), "8".to_owned()]];
        assert_eq!(columns(&rows), "codec  bytes\npq/8       8\n");
    }
}
