//! What the experiments work with: the calls that they may make, and time.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use reqwest::header::HeaderValue;
use serde_json::json;

use super::super::call::Caller;
use super::super::real_forward::Errand;
use super::super::route::Route;
use super::observation::Observation;
use crate::clock::{Clock, Moment};
use crate::model::dedup_key::DedupKey;

/// What the experiments work with.
pub(in crate::cli::doctor) struct Lab<'a> {
    pub(in crate::cli::doctor) caller: &'a Caller,
    pub(in crate::cli::doctor) clock: &'a Clock,
    pub(in crate::cli::doctor) route: &'a Route,
    pub(in crate::cli::doctor) token: &'a HeaderValue,
    pub(in crate::cli::doctor) errand: &'a Errand,
    /// How long the experiments that wait may take.
    pub(in crate::cli::doctor) patience: Duration,
}

/// Calls at set times, each with when it was sent.
pub(super) type Series = Vec<(Moment, Observation)>;

/// The time between two ticks of a series.
const TICK: Duration = Duration::from_millis(100);

impl Lab<'_> {
    /// Forwards the message.
    pub(super) async fn forward(&self, uuid: &DedupKey) -> Observation {
        self.forward_with(self.token, uuid).await
    }

    /// Forwards the message with any token.
    pub(super) async fn forward_with(&self, token: &HeaderValue, uuid: &DedupKey) -> Observation {
        let mut url = self.forward_url();
        url.query_pairs_mut()
            .append_pair("receive_id_type", self.errand.receiver.kind().as_str())
            .append_pair("uuid", uuid.as_str());
        self.post(url, token).await
    }

    /// Calls the forward API without the type of the receiver, which it requires: nothing can be delivered.
    pub(super) async fn call_in_vain(&self) -> Observation {
        self.post(self.forward_url(), self.token).await
    }

    fn forward_url(&self) -> url::Url {
        self.caller.url(&format!("im/v1/messages/{}/forward", self.errand.message))
    }

    async fn post(&self, url: url::Url, token: &HeaderValue) -> Observation {
        let body = json!({"receive_id": self.errand.receiver.id()});
        Observation::of(&self.caller.post(url, Some(token), &body).await)
    }

    /// Makes so many calls with each tick, whether or not earlier ones are answered.
    pub(super) async fn series(
        &self,
        ticks: u32,
        calls_per_tick: u32,
        call: impl AsyncFn() -> Observation,
    ) -> Series {
        let begin = self.clock.now();
        let call = &call;
        let calls = (0..ticks * calls_per_tick).map(|number| async move {
            self.clock.sleep_until(begin + TICK * (number / calls_per_tick)).await;
            let at = self.clock.now();
            (at, call().await)
        });
        all(calls).await
    }
}

/// The outputs of futures that run side by side.
async fn all<F: Future>(futures: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut pending: Vec<Pin<Box<F>>> = futures.map(Box::pin).collect();
    let mut done: Vec<Option<F::Output>> = pending.iter().map(|_| None).collect();
    poll_fn(|context| {
        for (future, output) in pending.iter_mut().zip(&mut done) {
            if output.is_none()
                && let Poll::Ready(value) = future.as_mut().poll(context)
            {
                *output = Some(value);
            }
        }
        if done.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    done.into_iter().flatten().collect()
}
