//! CSV files of a package: each row has exactly one valid form.

use std::io::{self, BufRead, BufReader, Read};

use super::files::{Files, MOST_PAYLOAD};
use super::findings::PackageFindings;

/// Reads a table row by row.
pub(super) struct CsvRows {
    file: Option<BufReader<Box<dyn Read>>>,
    name: String,
    columns: &'static [&'static str],
    number: u64,
}

#[derive(Debug, Clone)]
pub(super) struct CsvRow {
    columns: &'static [&'static str],
    values: Vec<String>,
}

impl CsvRow {
    /// The value of a column, which the table must have.
    pub(super) fn get(&self, column: &str) -> &str {
        let place = self.columns.iter().position(|there| *there == column);
        place.map_or("", |place| &self.values[place])
    }
}

impl CsvRows {
    /// Opens a table after its header. Reports what is wrong with the header.
    pub(super) fn open(
        files: &mut Files,
        table: &str,
        columns: &'static [&'static str],
        findings: &mut PackageFindings,
    ) -> Self {
        let name = format!("data/{table}.csv");
        let file = match files.reader(&name) {
            Some(Ok(file)) => Some(BufReader::with_capacity(
                64 << 10,
                Box::new(file) as Box<dyn Read>,
            )),
            Some(Err(error)) => {
                files.breaks(&name, &error, findings);
                None
            }
            None => None,
        };
        let mut rows = Self {
            file,
            name,
            columns,
            number: 0,
        };
        if rows.file.is_some() {
            match rows.record(files, findings) {
                Some(header) if header == columns => {}
                Some(header) => {
                    let what = "its columns are not those of a package";
                    findings.differ(&rows.name, what, columns.join(" "), header.join(" "));
                    rows.file = None;
                }
                None if files.broken.contains(&rows.name) => rows.file = None,
                None => {
                    findings.add(&rows.name, "it has no header");
                    rows.file = None;
                }
            }
        }
        rows
    }

    pub(super) fn next(&mut self, files: &mut Files, findings: &mut PackageFindings) -> Option<CsvRow> {
        loop {
            let values = self.record(files, findings)?;
            self.number += 1;
            if values.len() == self.columns.len() {
                return Some(CsvRow {
                    columns: self.columns,
                    values,
                });
            }
            let what = format!("it has {} fields and not {}", values.len(), self.columns.len());
            findings.add(format!("{}, row {}", self.name, self.number), what);
        }
    }

    fn record(&mut self, files: &mut Files, findings: &mut PackageFindings) -> Option<Vec<String>> {
        let file = self.file.as_mut()?;
        let read = read_record(file);
        match read {
            Ok(record) => {
                if record.is_none() {
                    self.file = None;
                }
                record
            }
            Err(error) => {
                self.file = None;
                match error {
                    NotARecord::Io(error) => files.breaks(&self.name, &error, findings),
                    NotARecord::Form(why) => {
                        let place = format!("{}, behind row {}", self.name, self.number);
                        findings.add(place, format!("it cannot be read further: {why}"));
                    }
                }
                None
            }
        }
    }
}

enum NotARecord {
    Io(io::Error),
    Form(String),
}

impl From<io::Error> for NotARecord {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The next record: lines up to the one that closes all quotes.
fn read_record(file: &mut impl BufRead) -> Result<Option<Vec<String>>, NotARecord> {
    let mut bytes = Vec::new();
    let (mut quotes, mut seen) = (0, 0);
    loop {
        let most = MOST_PAYLOAD - bytes.len() as u64;
        if most == 0 {
            return Err(NotARecord::Form("a row without end".to_owned()));
        }
        if file.by_ref().take(most).read_until(b'\n', &mut bytes)? == 0 {
            return match bytes.is_empty() {
                true => Ok(None),
                false => Err(NotARecord::Form("its last row has no end".to_owned())),
            };
        }
        quotes += bytes[seen..].iter().filter(|&&byte| byte == b'"').count();
        seen = bytes.len();
        if bytes.ends_with(b"\n") && quotes % 2 == 0 {
            break;
        }
    }
    let record = String::from_utf8(bytes).map_err(|_| NotARecord::Form("it is not UTF-8".to_owned()))?;
    let record = &record[..record.len() - 1];
    fields(record).map(Some).ok_or_else(|| {
        NotARecord::Form(format!(
            "it is not a row of CSV as packages have it: {record:.200}"
        ))
    })
}

/// The fields of a record; `None` if one is not written as packages write it, with quotes only if needed.
fn fields(record: &str) -> Option<Vec<String>> {
    let needs_quotes = |field: &str| field.contains([',', '"', '\r', '\n']);
    let (mut fields, mut rest) = (Vec::new(), record);
    loop {
        let behind;
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut end = 0;
            loop {
                end += quoted[end..].find('"')?;
                if !quoted[end + 1..].starts_with('"') {
                    break;
                }
                end += 2;
            }
            let field = quoted[..end].replace("\"\"", "\"");
            if !needs_quotes(&field) {
                return None;
            }
            fields.push(field);
            behind = &quoted[end + 1..];
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            if needs_quotes(&rest[..end]) {
                return None;
            }
            fields.push(rest[..end].to_owned());
            behind = &rest[end..];
        }
        if behind.is_empty() {
            return Some(fields);
        }
        rest = behind.strip_prefix(',')?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_has_one_form() {
        let good = [
            ("a,b", vec!["a", "b"]),
            (",", vec!["", ""]),
            ("\"a,\"\"b\"\"\n\",c", vec!["a,\"b\"\n", "c"]),
            ("\"\r\",=1", vec!["\r", "=1"]),
        ];
        for (record, expected) in good {
            assert_eq!(fields(record).unwrap(), expected, "{record}");
        }
        for bad in [
            "\"a\",b",
            "a\"b",
            "\"a,b",
            "\"a,b\"c,d",
            "\"\",b",
            "a\rb",
            "\"a,b\",\"",
        ] {
            assert_eq!(fields(bad), None, "{bad}");
        }
    }
}
