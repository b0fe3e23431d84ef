//! Flags that take one of a few words.

use clap::builder::{PossibleValuesParser, TypedValueParser};

/// One of a few words, in any letter case.
pub(crate) fn one_of<T: Copy + Send + Sync + 'static, const N: usize>(
    all: &'static [T; N],
    name: fn(T) -> &'static str,
) -> impl TypedValueParser<Value = T> {
    let names = all.map(name);
    PossibleValuesParser::new(names).map(move |word| {
        let meant = all
            .iter()
            .copied()
            .find(|&value| name(value).eq_ignore_ascii_case(&word));
        meant.expect("only words of the list are let through")
    })
}
