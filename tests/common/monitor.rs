//! A monitor that keeps the pings it gets, and a reader of metrics.

use std::sync::{Arc, Mutex};

use super::scripted::{answering, reply};

/// A monitor, and the pings that it got: path and body.
pub struct Monitor {
    pub url: String,
    pings: Arc<Mutex<Vec<(String, String)>>>,
}

/// What nobody may read of a ping URL.
pub const SECRET: &str = "5ecret-uu1d";

impl Monitor {
    pub fn answering(status: u16) -> Self {
        let pings: Arc<Mutex<Vec<(String, String)>>> = Arc::default();
        let kept = Arc::clone(&pings);
        let base = answering(move |asked| {
            let path = asked.line.split(' ').nth(1).unwrap().to_owned();
            kept.lock().unwrap().push((path, asked.body.clone()));
            reply(status, "", "OK")
        });
        Self {
            url: format!("{base}/{SECRET}"),
            pings,
        }
    }

    /// The pings since the last call, their paths without the secret.
    pub fn take(&self) -> Vec<(String, String)> {
        let pings = std::mem::take(&mut *self.pings.lock().unwrap());
        let short = |(path, body): (String, String)| (path.replace(&format!("/{SECRET}"), ""), body);
        pings.into_iter().map(short).collect()
    }
}

/// The value of a sample whose labels contain this text.
#[track_caller]
pub fn sample(metrics: &str, name: &str, label: &str) -> f64 {
    let mut found = metrics
        .lines()
        .filter(|line| line.starts_with(&format!("{name}{{")) && line.contains(label));
    let line = found
        .next()
        .unwrap_or_else(|| panic!("no {name} with {label}:\n{metrics}"));
    assert_eq!(found.next(), None);
    line.rsplit_once(' ').unwrap().1.parse().unwrap()
}
