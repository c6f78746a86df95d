//! The Prometheus text format, read strictly.

use std::collections::{BTreeMap, BTreeSet};

/// A whole page of metrics.
pub struct Metrics {
    /// All samples, in the order of the page.
    pub samples: Vec<Sample>,
    /// Type by metric.
    pub types: BTreeMap<String, String>,
}

/// One line with a value.
#[derive(Debug)]
pub struct Sample {
    /// The name that stands in its line: that of a histogram has a suffix.
    pub name: String,
    /// Value by label.
    pub labels: BTreeMap<String, String>,
    /// What is counted or measured.
    pub value: f64,
}

impl Metrics {
    /// Reads a page. Whatever is not of the format fails the test.
    pub fn parse(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line has an end");
        let mut metrics = Self { samples: Vec::new(), types: BTreeMap::new() };
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a name and a type");
                let before = metrics.types.insert(name.to_owned(), kind.to_owned());
                assert_eq!(before, None, "{name} has two types");
            } else if !line.starts_with("# HELP ") {
                metrics.samples.push(Sample::parse(line));
            }
        }
        metrics
    }

    /// The sum of the samples of this name that have all these labels, or `None` if there are none.
    pub fn find(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let has = |sample: &&Sample| {
            sample.name == name
                && labels
                    .iter()
                    .all(|(key, value)| sample.labels.get(*key).is_some_and(|it| it == value))
        };
        self.samples.iter().filter(has).map(|sample| sample.value).reduce(|sum, value| sum + value)
    }

    /// The sum that [`find`](Self::find) returns as a whole number, 0 if there is none.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counters are small whole numbers"
    )]
    pub fn count(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        self.find(name, labels).unwrap_or_default() as u64
    }

    /// The label names of a metric, or `None` if it has no sample.
    pub fn labels(&self, metric: &str) -> Option<BTreeSet<&str>> {
        let sample = self.samples.iter().find(|sample| sample.name == metric)?;
        Some(sample.labels.keys().map(String::as_str).collect())
    }

    /// Every value of every label.
    pub fn label_values(&self) -> BTreeSet<&str> {
        self.samples.iter().flat_map(|sample| sample.labels.values().map(String::as_str)).collect()
    }
}

impl Sample {
    fn parse(line: &str) -> Self {
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
        let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
        let Some((name, labels)) = series.split_once('{') else {
            return Self { name: series.to_owned(), labels: BTreeMap::new(), value };
        };
        let labels = labels.strip_suffix('}').unwrap_or_else(|| panic!("no end: {line}"));
        // No label of the gateway's holds a quote, a backslash or a comma before a quote.
        let labels = labels.split("\",").map(|pair| {
            let (key, value) = pair.split_once("=\"").unwrap_or_else(|| panic!("no label: {line}"));
            (key.to_owned(), value.trim_end_matches('"').to_owned())
        });
        Self { name: name.to_owned(), labels: labels.collect(), value }
    }
}
