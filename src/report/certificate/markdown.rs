//! The certificate as Markdown.

use super::{Certificate, TITLE, conclusion};
use crate::report::formats::markdown::{Markdown, escape};
use crate::report::table::{Cell, Column, ColumnType, Rows};

impl Certificate<'_> {
    /// A document of GitHub's Markdown.
    pub(crate) fn markdown(&self) -> String {
        let mut out = format!("# {TITLE}\n\n**{}.** ", self.outcome().0);
        escape(&conclusion(self.report), &mut out);
        out.push_str("\n\n");
        let facts = self.facts().into_iter().map(|(name, text)| vec![name, text]);
        table(&["", ""], &facts.collect::<Vec<_>>(), &mut out);
        for section in self.sections() {
            out.push_str(&format!("\n## {}\n\n", section.heading));
            for text in &section.paragraphs {
                escape(text, &mut out);
                out.push_str("\n\n");
            }
            if let Some(part) = &section.table {
                table(part.columns, &part.rows, &mut out);
            }
            for point in &section.list {
                out.push_str("- ");
                escape(point, &mut out);
                out.push('\n');
            }
        }
        out
    }
}

fn table(columns: &[&'static str], rows: &[Vec<String>], out: &mut String) {
    let mut bytes = Vec::new();
    let mut markdown = Markdown::new(&mut bytes);
    let columns: Vec<Column> = columns
        .iter()
        .map(|name| Column::new(name, ColumnType::Text))
        .collect();
    let written = markdown.columns(&columns).and_then(|()| {
        rows.iter().try_for_each(|row| {
            let cells: Vec<Cell<'_>> = row.iter().map(|text| Cell::Text(text)).collect();
            markdown.row(&cells)
        })
    });
    written.expect("memory takes every byte");
    out.push_str(&String::from_utf8_lossy(&bytes));
}
