//! The word that was probably meant.

/// The one of `words` that is nearest to `typed`, if any is near: at most a third of its letters differ.
///
/// Letter case does not count, and neither does `-` instead of `_`.
#[must_use]
pub fn nearest<'w>(typed: &str, words: &[&'w str]) -> Option<&'w str> {
    let typed = plain(typed);
    let mut best: Option<(usize, &'w str)> = None;
    for &word in words {
        let letters = plain(word);
        let steps = distance(&typed, &letters);
        let near = steps <= letters.len().max(typed.len()).div_ceil(3);
        if near && best.is_none_or(|(fewest, _)| steps < fewest) {
            best = Some((steps, word));
        }
    }
    best.map(|(_, word)| word)
}

fn plain(word: &str) -> Vec<char> {
    let lower = word.chars().flat_map(char::to_lowercase);
    lower
        .map(|letter| if letter == '-' { '_' } else { letter })
        .collect()
}

/// How many letters must be put in, left out, replaced or swapped with their neighbour.
fn distance(from: &[char], to: &[char]) -> usize {
    let mut rows: Vec<Vec<usize>> = vec![(0..=to.len()).collect()];
    for i in 1..=from.len() {
        let mut row = vec![i];
        for j in 1..=to.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(from[i - 1] != to[j - 1]);
            let mut steps = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1] {
                steps = steps.min(rows[i - 2][j - 2] + 1);
            }
            row.push(steps);
        }
        rows.push(row);
    }
    rows[from.len()][to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_word() {
        let words = ["url", "username", "ca_cert", "rate_limit"];
        assert_eq!(nearest("user_name", &words), Some("username"));
        assert_eq!(nearest("CA-cert", &words), Some("ca_cert"));
        assert_eq!(nearest("rate_limti", &words), Some("rate_limit"));
        assert_eq!(nearest("ulr", &words), Some("url"));
    }

    #[test]
    fn a_strange_word_finds_none() {
        assert_eq!(nearest("elephant", &["url", "username"]), None);
        assert_eq!(nearest("", &["url"]), None);
    }
}
