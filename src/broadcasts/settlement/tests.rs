use super::*;
use crate::feishu::error::Refusal;

fn refused(code: i64) -> ForwardError {
    ForwardError::Failed(CallError::Refused(Box::new(Refusal { code, ..Refusal::default() })))
}

#[test]
fn each_pause_is_three_times_the_one_before_and_ten_minutes_at_most() {
    let pauses = [1, 2, 3, 4, 5, 6, u32::MAX].map(|claim| growing_pause(claim).as_secs());
    assert_eq!(pauses, [5, 15, 45, 135, 405, 600, 600]);
}

#[test]
fn what_feishu_says_of_the_app_is_an_obstacle_and_what_it_says_of_a_message_is_none() {
    let now = Duration::from_mins(1);
    let problem = ProblemKind::MonthlyQuotaExhausted;
    let obstacle = Obstacle { of_app: true, problem, until: now + SOON };
    assert_eq!(finding(&refused(99991403), now), Finding::Blocked(obstacle));
    assert_eq!(finding(&refused(230002), now), Finding::Clear);
    let unanswered = ForwardError::Failed(CallError::TimedOut { is_stale: false });
    assert_eq!(finding(&unanswered, now), Finding::Nothing);
    assert_eq!(finding(&ForwardError::Draining, now), Finding::Nothing);
}
