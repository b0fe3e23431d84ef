//! Charts: SVG inside HTML, drawn here and written by `maud` templates.
//!
//! A library would bring fonts, a drawing back end or a megabyte of script, and draw text that shrinks with the picture.
//! What is needed are five charts, so they are drawn by hand, and each follows the same rules:
//!
//! * **Any width.** Horizontal places are shares of the width, heights are pixels, and text is text of the page: a chart is as
//!   readable on a telephone as on a wide screen or on paper.
//! * **Any eye.** Colours are those of Okabe and Ito, told apart by colour-blind people, and differ in lightness; they are
//!   names of the page's style sheet, which has them light and dark.
//! * **No eye.** Each chart has a title, a description and its figures as a table.
//! * **Nothing runs.** Templates escape what they interpolate; foreign text goes through [`Text`] or one of its relatives.
//! * **Same figures, same bytes.** No number of a chart comes from a clock or a hash's order.

mod bars;
mod bins;
mod blocks;
mod figure;
mod heat;
mod over_time;
mod scale;
mod sparks;
mod text;
mod timeline;

pub use bars::{Bar, bars};
pub use bins::{Bins, Counts, Runs, fitting};
pub use blocks::Blocks;
pub use figure::Figures;
pub use heat::heat_map;
pub use maud::Markup;
pub use over_time::{Kinds, OverTime, over_time};
pub use scale::{Scale, TimeAxis};
pub use sparks::{Sparks, sparks};
pub use text::{Breakable, Lines, Text, in_brief, label, shortened};
pub use timeline::{GAPS, Line, Piece, PieceKind, timeline};

/// A share in hundredths of a percent, as text: `6.25 %`.
#[must_use]
pub fn percent(hundredths: u64) -> String {
    let (whole, rest) = (hundredths / 100, hundredths % 100);
    match (rest / 10, rest % 10) {
        (0, 0) => format!("{whole} %"),
        (tenth, 0) => format!("{whole}.{tenth} %"),
        _ => format!("{whole}.{rest:02} %"),
    }
}

/// A whole number with its thousands set apart: `748,000`.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with the noun that goes with it: `1 run`, `3,000 runs`.
#[must_use]
pub fn counted(number: u64, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{} {noun}{ending}", grouped(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_as_people_write_them() {
        assert_eq!(
            [0, 999, 1_000, 748_000, 1_234_567].map(grouped).join(" "),
            "0 999 1,000 748,000 1,234,567"
        );
        assert_eq!(
            [0, 625, 630, 700, 705, 10_000].map(percent).join(" "),
            "0 % 6.25 % 6.3 % 7 % 7.05 % 100 %"
        );
        assert_eq!(counted(1, "run"), "1 run");
        assert_eq!(counted(0, "run"), "0 runs");
    }
}
