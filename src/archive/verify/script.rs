//! The check in Python, as one file that needs nothing beside it.

use crate::archive::migrations::{Migration, migrations};

/// The script as in the source, where it reads the migrations from their folder.
const SOURCE: &str = include_str!("../../../docs/verify.py");

/// The line of the script that the migrations take the place of.
const PLACE: &str = "MIGRATIONS = []\n";

/// The script with the definitions of the tables in it. It is plain ASCII, whatever they hold.
#[must_use]
pub fn verify_script() -> String {
    let mut list = String::from("MIGRATIONS = [\n");
    for Migration { number, name, sql } in migrations() {
        list.push_str(&format!("    ({number}, {},\n", literal(&name)));
        for line in sql.split_inclusive('\n') {
            list.push_str(&format!("        {}\n", literal(line)));
        }
        list.push_str("    ),\n");
    }
    list.push_str("]\n");
    SOURCE.replacen(PLACE, &list, 1)
}

/// A text as a string literal of Python.
fn literal(text: &str) -> String {
    let mut literal = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => literal.extend(['\\', letter]),
            '\n' => literal.push_str("\\n"),
            ' '..='~' => literal.push(letter),
            _ => literal.push_str(&format!("\\U{:08x}", u32::from(letter))),
        }
    }
    literal.push('"');
    literal
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_has_every_migration_and_is_plain_ascii() {
        let script = verify_script();
        assert!(!script.contains(PLACE));
        assert_eq!(SOURCE.matches(PLACE).count(), 1);
        for migration in migrations() {
            assert!(script.contains(&format!("    ({}, \"{}\",\n", migration.number, migration.name)));
        }
        // Shells that redirect output may write it in an encoding of their own.
        assert!(script.is_ascii(), "docs/verify.py has letters that are not ASCII");
    }

    #[test]
    fn a_literal_keeps_its_text() {
        assert_eq!(
            literal("a \"b\" \\ \r\n\u{e4}"),
            r#""a \"b\" \\ \U0000000d\n\U000000e4""#
        );
    }
}
