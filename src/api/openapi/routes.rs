//! Which problems each route may answer.

use crate::model::problem_kind::ProblemKind;

/// A kind of route, by the problems that it may answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Forwards a message, at once or as a broadcast to one.
    ForwardMessage,
    /// Forwards something else.
    Forward,
    /// Begins a broadcast.
    NewBroadcast,
    /// Lists broadcasts.
    Broadcasts,
    /// Reads a broadcast.
    Broadcast,
    /// Cancels a broadcast.
    Cancel,
    /// Begins a broadcast to receivers of an earlier one.
    Retry,
    /// Takes an event.
    Event,
    /// Explains a problem.
    Problem,
    /// Needs no key.
    Page,
}

impl Kind {
    pub(super) fn is_forward(self) -> bool {
        matches!(self, Self::ForwardMessage | Self::Forward)
    }
}

/// The kind of the route with this path.
pub(super) fn kind_of(path: &str) -> Kind {
    match path {
        "/v1/messages/{message_id}/forward" => Kind::ForwardMessage,
        "/v1/messages/merge_forward" | "/v1/threads/{thread_id}/forward" => Kind::Forward,
        "/v1/messages/{message_id}/broadcasts" => Kind::NewBroadcast,
        "/v1/broadcasts" => Kind::Broadcasts,
        "/v1/broadcasts/{id}/cancel" => Kind::Cancel,
        "/v1/broadcasts/{id}/retry" => Kind::Retry,
        path if path.starts_with("/v1/broadcasts/") => Kind::Broadcast,
        "/v1/events/{app}" => Kind::Event,
        "/problems/{code}" => Kind::Problem,
        _ => Kind::Page,
    }
}

/// Whether a route of this kind may answer with the problem.
pub(super) fn may_come(problem: ProblemKind, kind: Kind) -> bool {
    use Kind::*;
    match problem {
        ProblemKind::MethodNotAllowed | ProblemKind::OriginNotAllowed => false,
        ProblemKind::RouteNotFound => matches!(kind, Event | Problem),
        ProblemKind::EventRejected => kind == Event,
        ProblemKind::Overloaded | ProblemKind::Draining => true,
        ProblemKind::Unauthorized => !matches!(kind, Event | Problem | Page),
        ProblemKind::InvalidRequest | ProblemKind::InternalError => !matches!(kind, Problem | Page),
        ProblemKind::RequestTimeout
        | ProblemKind::BodyTooLarge
        | ProblemKind::UnsupportedMediaType => {
            kind.is_forward() || matches!(kind, NewBroadcast | Cancel | Retry | Event)
        }
        ProblemKind::ReceiverNotAllowed
        | ProblemKind::TenantNotAllowed
        | ProblemKind::IdempotencyKeyReused => {
            kind.is_forward() || matches!(kind, NewBroadcast | Retry)
        }
        ProblemKind::IdempotencyKeyMissing | ProblemKind::TooManyBroadcasts => {
            matches!(kind, ForwardMessage | NewBroadcast | Retry)
        }
        ProblemKind::BroadcastNotFound => matches!(kind, Broadcast | Cancel | Retry),
        ProblemKind::BroadcastEnded => matches!(kind, Cancel | Retry),
        ProblemKind::BroadcastsNotConfigured => {
            matches!(kind, NewBroadcast | Broadcasts | Broadcast | Cancel | Retry)
        }
        // Codes that only one of Feishu's pages lists come with the other forwards too: its pages are not complete.
        _ => kind.is_forward(),
    }
}
