//! The text format of Prometheus, as its server and the node exporter's textfile collector read it.

use std::fmt::Write;

/// A metric with its samples. All of ours are gauges.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Metric {
    /// Its name, with the unit at its end.
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    /// A line each, as the format has it.
    pub(crate) samples: Vec<String>,
}

impl Metric {
    /// A metric without samples.
    pub(crate) const fn new(name: &'static str, help: &'static str) -> Self {
        Self {
            name,
            help,
            samples: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, labels: &Labels, value: f64) {
        self.samples
            .push(format!("{}{labels} {value}", self.name, labels = labels.0));
    }

    /// The samples among these lines of a file: of this metric, with this label, and well formed.
    pub(crate) fn samples_in<'t>(&self, text: &'t str, label: &str) -> impl Iterator<Item = &'t str> {
        let beginning = format!("{}{{", self.name);
        text.lines().filter(move |line| {
            let Some(rest) = line.strip_prefix(&beginning) else {
                return false;
            };
            let Some((labels, value)) = rest.rsplit_once("} ") else {
                return false;
            };
            format!(",{labels},").contains(&format!(",{label},")) && value.parse::<f64>().is_ok()
        })
    }
}

/// Labels of a sample: `{name="value"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Labels(String);

/// A label with its value escaped: `name="value"`.
pub(crate) fn label(name: &str, value: &str) -> String {
    let mut text = format!("{name}=\"");
    for character in crate::text::printable(value).chars() {
        match character {
            '\\' => text.push_str("\\\\"),
            '"' => text.push_str("\\\""),
            '\n' => text.push_str("\\n"),
            other => text.push(other),
        }
    }
    text.push('"');
    text
}

impl Labels {
    /// These labels, each as [`label`] writes it.
    pub(crate) fn new(labels: &[&str]) -> Self {
        Self(format!("{{{}}}", labels.join(",")))
    }

    /// The same with one more.
    pub(crate) fn with(&self, label: &str) -> Self {
        Self(format!("{},{label}}}", self.0.trim_end_matches('}')))
    }
}

/// The metrics that have samples.
pub(crate) fn write(metrics: &[Metric]) -> String {
    let mut text = String::new();
    for Metric { name, help, samples } in metrics.iter().filter(|metric| !metric.samples.is_empty()) {
        writeln!(
            text,
            "# HELP {name} {help}\n# TYPE {name} gauge\n{}",
            samples.join("\n")
        )
        .expect("writing to a String cannot fail");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_labels_are_escaped_and_numbers_are_whole_where_they_can_be() {
        let mut metric = Metric::new("jobruns_x_seconds", "What it says.");
        let labels = Labels::new(&[&label("job_name", "a\\b \"c\"\nd")]);
        metric.add(&labels, 1_767_225_600.0);
        metric.add(&labels, 0.25);
        let unused = Metric::new("jobruns_unused", "Nothing.");
        assert_eq!(
            write(&[metric, unused]),
            "# HELP jobruns_x_seconds What it says.\n# TYPE jobruns_x_seconds gauge\n\
             jobruns_x_seconds{job_name=\"a\\\\b \\\"c\\\"\\\\nd\"} 1767225600\n\
             jobruns_x_seconds{job_name=\"a\\\\b \\\"c\\\"\\\\nd\"} 0.25\n"
        );
    }

    #[test]
    fn samples_are_found_in_a_file_by_name_and_label_and_only_whole_ones() {
        let metric = Metric::new("m", "");
        let text = "m{a=\"1\",b=\"x\"} 1\nm{a=\"2\"} 2\nmm{a=\"1\"} 3\nm{a=\"1\"} cut off\nm{b=\"a=\\\"1\\\"\"} 4\nm{a=\"1\"";
        let found: Vec<&str> = metric.samples_in(text, "a=\"1\"").collect();
        assert_eq!(found, ["m{a=\"1\",b=\"x\"} 1"]);
    }
}
