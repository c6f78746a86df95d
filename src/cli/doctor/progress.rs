//! Runs the steps of a section one after the other, and shows each as soon as it is judged.

use super::check::Check;
use super::finding::Finding;
use super::output::Output;

/// What a step found, and what later steps need of it.
pub(super) struct Look<T> {
    finding: Finding,
    /// None: the later steps cannot be judged.
    then: Option<T>,
}

impl<T> Look<T> {
    pub(super) fn found(finding: Finding, then: T) -> Self {
        Self { finding, then: Some(then) }
    }

    /// Found nothing that later steps could go on with.
    pub(super) fn ends(finding: Finding) -> Self {
        Self { finding, then: None }
    }
}

/// The steps so far of a section.
pub(super) struct Progress<'a> {
    output: &'a mut Output,
    /// The first step that found nothing to go on with.
    ended_by: Option<Check>,
}

impl<'a> Progress<'a> {
    /// A section. `ended_by` is a step of an earlier section without which this one cannot be judged.
    pub(super) fn new(output: &'a mut Output, ended_by: Option<Check>) -> Self {
        Self { output, ended_by }
    }

    /// Takes a step with what it needs of earlier ones, or skips it where they did not find that. Returns what later
    /// steps need.
    pub(super) async fn step<P, T>(
        &mut self,
        check: Check,
        needs: Option<P>,
        look: impl AsyncFnOnce(P) -> Look<T>,
    ) -> Option<T> {
        let Some(needs) = needs else {
            let because = self.ended_by.unwrap_or(check);
            self.output.show(check, &Finding::skipped(because));
            return None;
        };
        let Look { finding, then } = look(needs).await;
        self.output.show(check, &finding);
        if then.is_none() {
            self.ended_by.get_or_insert(check);
        }
        then
    }

    /// The step that has ended the section.
    pub(super) fn ended_by(&self) -> Option<Check> {
        self.ended_by
    }
}
