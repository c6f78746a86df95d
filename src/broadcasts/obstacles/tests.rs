use super::*;
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);

fn blocked(of_app: bool) -> Finding {
    let problem = ProblemKind::MonthlyQuotaExhausted;
    Finding::Blocked(Obstacle { of_app, problem, until: MINUTE })
}

#[test]
fn a_forward_that_began_before_there_was_an_obstacle_removes_none() {
    let caller = Arc::from("tester");
    for of_app in [true, false] {
        let mut obstacles = Obstacles::default();
        obstacles.learn(&caller, None, blocked(of_app), false);
        obstacles.learn(&caller, None, Finding::Clear, false);
        assert_eq!(obstacles.way(&caller, None, Duration::ZERO), Way::Blocked);
        assert_eq!(obstacles.way(&caller, None, MINUTE), Way::Probe);
    }
}

#[test]
fn a_probe_removes_the_obstacle_if_it_shows_that_there_is_none() {
    let caller = Arc::from("tester");
    for of_app in [true, false] {
        let mut obstacles = Obstacles::default();
        obstacles.learn(&caller, None, blocked(of_app), false);
        obstacles.learn(&caller, None, Finding::Nothing, true);
        assert_eq!(obstacles.way(&caller, None, MINUTE), Way::Probe);
        obstacles.learn(&caller, None, Finding::Clear, true);
        assert_eq!(obstacles.way(&caller, None, MINUTE), Way::Free);
    }
}

#[test]
fn an_obstacle_of_a_caller_is_in_nobody_elses_way_and_leaves_that_of_the_app_unless_found_by_a_probe()
 {
    let (caller, other) = (Arc::from("tester"), Arc::from("other"));
    let mut obstacles = Obstacles::default();
    obstacles.learn(&caller, None, blocked(true), false);
    obstacles.learn(&caller, None, blocked(false), false);
    assert_eq!(obstacles.way(&other, None, MINUTE), Way::Probe);
    obstacles.learn(&caller, None, blocked(false), true);
    assert_eq!(obstacles.way(&other, None, MINUTE), Way::Free);
    assert_eq!(obstacles.way(&caller, None, MINUTE), Way::Probe);
}

#[test]
fn an_obstacle_of_the_app_in_one_tenant_is_in_no_other_tenants_way() {
    let caller = Arc::from("tester");
    let [one, other] = ["a", "b"].map(TenantKey::parse);
    let mut obstacles = Obstacles::default();
    obstacles.learn(&caller, one.as_ref(), blocked(true), false);
    assert_eq!(obstacles.way(&caller, one.as_ref(), Duration::ZERO), Way::Blocked);
    assert_eq!(obstacles.way(&caller, other.as_ref(), Duration::ZERO), Way::Free);
    obstacles.learn(&caller, other.as_ref(), Finding::Clear, true);
    assert_eq!(obstacles.way(&caller, one.as_ref(), Duration::ZERO), Way::Blocked);
    obstacles.keep_those_of(&[]);
    assert_eq!(obstacles.way(&caller, one.as_ref(), Duration::ZERO), Way::Free);
}
