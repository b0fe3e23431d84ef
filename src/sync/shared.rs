//! What the tasks of a sync share.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use super::event::{Cancellation, SyncEvent};
use super::messages::HintOf;
use super::outage::Outage;
use super::store::Store;
use crate::archive::NameFrom;
use crate::ccs::Client;
use crate::ccs::retry::Policy;
use crate::model::{Fetch, Guid, NaiveZone};

/// Options of a job's task that do not change within a sync.
pub(super) struct JobOptions {
    pub(super) fetch: Fetch,
    pub(super) retry: Policy,
    pub(super) run_limit: usize,
    pub(super) zone: NaiveZone,
    pub(super) hint: HintOf,
}

/// What the tasks that ask the same server share.
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) store: Store,
    pub(super) options: JobOptions,
    /// Names that a person gave.
    pub(super) names: Arc<HashMap<Guid, String>>,
    /// Names from the server's list of jobs, once it was received.
    pub(super) listed: OnceLock<HashMap<Guid, String>>,
    pub(super) events: Arc<dyn Fn(SyncEvent<'_>) + Send + Sync>,
    pub(super) cancellation: Cancellation,
    pub(super) outage: Outage,
}

impl Shared {
    /// A job's name and who gave it: a person, else the server, which may be asked for it.
    pub(super) async fn name_of(&self, job: Guid) -> Option<(String, NameFrom)> {
        if let Some(name) = self.names.get(&job) {
            return Some((name.clone(), NameFrom::Person));
        }
        if let Some(name) = self.listed.get().and_then(|listed| listed.get(&job)) {
            return Some((name.clone(), NameFrom::Server));
        }
        let mut cancellation = self.cancellation.clone();
        let name = tokio::select! {
            name = self.client.job_name(job) => name,
            () = cancellation.cancelled() => None,
        };
        name.map(|name| (name, NameFrom::Server))
    }
}
