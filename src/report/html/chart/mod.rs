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
//! * **Nothing runs.** Templates escape what they interpolate; foreign text goes through the wrappers of `text.rs`.
//! * **Same figures, same bytes.** No number of a chart comes from a clock or a hash's order.

mod bars;
mod figure;
mod heat;
mod over_time;
mod scale;
mod sparks;
mod timeline;

pub use bars::{Bar, bars};
pub use heat::heat_map;
pub use maud::Markup;
pub use over_time::{OverTime, over_time};
pub use sparks::{Sparks, sparks};
pub use timeline::{GAPS, TimelineRow, TimelineSpan, TimelineSpanKind, timeline};
