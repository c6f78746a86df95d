//! A forward's place in the queues.

use super::error::QueueError;
use super::permit::Permit;
use super::queued::Queued;
use super::request::Request;
use super::scheduler::Scheduler;

/// A forward's place before everybody who began later. It is the same for all attempts of the forward, so a
/// retry stands before forwards that began after the first attempt.
#[derive(Debug)]
pub struct Ticket {
    pub(super) number: u64,
    /// Whether it has had a permit before. Such a forward returns to its place: no queue is too full for it.
    pub(super) is_back: bool,
}

impl Ticket {
    /// A ticket for a forward that begins now.
    #[must_use]
    pub fn draw(scheduler: &Scheduler) -> Self {
        Self { number: scheduler.next_number(), is_back: false }
    }

    /// Acquires a permit, waiting until `request.until` at most. A permit that cannot come by then is refused
    /// as soon as that is known. Dropping the future leaves the queue.
    pub async fn acquire(
        &mut self,
        scheduler: &Scheduler,
        request: &Request<'_>,
    ) -> Result<Permit, QueueError> {
        let Self { number, is_back } = *self;
        let at_once = match scheduler.take_at_once(request, number) {
            Some((grant, now)) => scheduler.confirm(request, grant, now).await,
            None => None,
        };
        let permit = if let Some(permit) = at_once {
            permit
        } else {
            let queued = Queued::join(scheduler, *request, number, is_back)?;
            // Boxed, because most forwards do not wait.
            Box::pin(queued.permit()).await?
        };
        self.is_back = true;
        Ok(permit)
    }
}
