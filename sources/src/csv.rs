//! CSV files (RFC 4180): fields parted by commas, quoted where they hold a comma, a quote or a line end.
//!
//! A quote inside a field that does not begin with one is a letter like any other, as Python's `csv` has it.

use std::str::CharIndices;

/// One record with the line that it begins on, from 1.
pub(crate) struct Record {
    pub(crate) line: u64,
    pub(crate) fields: Vec<String>,
}

/// The records of a text; blank lines hold none. Fails with the line and what is wrong there.
pub(crate) fn records(text: &str) -> Result<Vec<Record>, (u64, String)> {
    let mut reader = Reader { text, letters: text.char_indices(), line: 1 };
    let mut records = Vec::new();
    loop {
        let line = reader.line;
        let (fields, end) = reader.record()?;
        if fields.len() > 1 || fields.iter().any(|field| !field.trim().is_empty()) {
            records.push(Record { line, fields });
        }
        if end == End::Text {
            return Ok(records);
        }
    }
}

/// What a field ends with.
#[derive(PartialEq, Eq)]
enum End {
    Field,
    Record,
    Text,
}

struct Reader<'a> {
    text: &'a str,
    letters: CharIndices<'a>,
    /// The line that the next letter stands on.
    line: u64,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let (_, letter) = self.letters.next()?;
        self.line += u64::from(letter == '\n');
        Some(letter)
    }

    fn rest(&self) -> &str {
        &self.text[self.letters.offset()..]
    }

    fn record(&mut self) -> Result<(Vec<String>, End), (u64, String)> {
        let mut fields = Vec::new();
        loop {
            let (field, end) = if self.rest().starts_with('"') { self.quoted()? } else { self.plain() };
            fields.push(field);
            if end != End::Field {
                return Ok((fields, end));
            }
        }
    }

    fn plain(&mut self) -> (String, End) {
        let mut field = String::new();
        loop {
            match self.next() {
                None => return (field, End::Text),
                Some(',') => return (field, End::Field),
                Some('\n') => {
                    field.truncate(field.trim_end_matches('\r').len());
                    return (field, End::Record);
                }
                Some(letter) => field.push(letter),
            }
        }
    }

    fn quoted(&mut self) -> Result<(String, End), (u64, String)> {
        let opened = self.line;
        self.next();
        let mut field = String::new();
        loop {
            match self.next() {
                None => return Err((opened, "a quote is opened and never closed".to_owned())),
                Some('"') if self.rest().starts_with('"') => {
                    self.next();
                    field.push('"');
                }
                Some('"') => break,
                Some(letter) => field.push(letter),
            }
        }
        if self.rest().starts_with("\r\n") {
            self.next();
        }
        let line = self.line;
        match self.next() {
            None => Ok((field, End::Text)),
            Some(',') => Ok((field, End::Field)),
            Some('\n') => Ok((field, End::Record)),
            Some(letter) => {
                Err((line, format!("`{letter}` after a closing quote, expected a comma or the end of the line")))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(u64, Vec<String>)> {
        records(text).unwrap().into_iter().map(|record| (record.line, record.fields)).collect()
    }

    fn row(line: u64, fields: &[&str]) -> (u64, Vec<String>) {
        (line, fields.iter().map(|field| (*field).to_owned()).collect())
    }

    #[test]
    fn fields_may_hold_anything() {
        let text = "a,b,1\r\n\r\n\"x, \"\"y\"\"\nz\",say \"no\",2\n\"\",,3";
        let expected = [row(1, &["a", "b", "1"]), row(3, &["x, \"y\"\nz", "say \"no\"", "2"]), row(5, &["", "", "3"])];
        assert_eq!(read(text), expected);
        assert_eq!(read(""), []);
        assert_eq!(read("a,"), [row(1, &["a", ""])]);
        assert_eq!(read("\"a\"\r\nb\r\n"), [row(1, &["a"]), row(2, &["b"])]);
    }

    #[test]
    fn broken_quotes_are_named() {
        let wrong = |text: &str| records(text).map(|_| ()).unwrap_err();
        assert_eq!(wrong("a,b\n\"c,d\n").0, 2);
        assert_eq!(wrong("a\n\"b\"c,d").1, "`c` after a closing quote, expected a comma or the end of the line");
    }
}
